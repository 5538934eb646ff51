/* Gathering what a source has: private to served.c. */
#pragma once

struct eb_error;
struct reg_served;

/* Fill manifests and entries of s from its archive. */
int reg_walk(struct reg_served *s, struct eb_error **err);
