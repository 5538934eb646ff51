#!/bin/sh
# Stands for the tool in the bundle.
echo repro
