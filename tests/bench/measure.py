#!/usr/bin/env python3
"""measure.py time RUNS PREPARE COMMAND   medians of wall and processor seconds of shell text, after one warm-up
measure.py peak PROGRAM ARGUMENT...    largest resident set of a program and its children, KiB
measure.py table ROWS                  the rows of the benchmarks as a Markdown table"""
import os, re, statistics, subprocess, sys, time


def run(command, quiet=True):
    begin = time.monotonic()
    out = subprocess.DEVNULL if quiet else None
    child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE if quiet else None, stdin=subprocess.DEVNULL)
    error = child.stderr.read() if quiet else b""
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    if status:
        sys.exit("measure.py: %r failed: %s" % (command, error.decode(errors="replace")[-2000:]))
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def timed(runs, prepare, command):
    results = []
    for i in range(int(runs) + 1):
        if prepare:
            run(["sh", "-c", prepare])
        results.append(run(["sh", "-c", command]))
    walls, cpus, _ = zip(*results[1:])
    print("%.4f %.4f" % (statistics.median(walls), statistics.median(cpus)))


def verdict(ours, peer, budget):
    bound = re.match(r"(<=|>=|<) ([0-9.]+)", budget)
    if not bound:
        return ""
    value = ours / peer if peer else ours
    limit = float(bound.group(2))
    good = {"<=": value <= limit, "<": value < limit, ">=": value >= limit}[bound.group(1)]
    return "PASS" if good else "**miss**"


def table(path):
    print("| what | ours | peer | | ratio | budget | |\n|---|--:|---|--:|--:|---|---|")
    with open(path) as f:
        for line in f:
            what, ours, name, peer, unit, budget = line.rstrip("\n").split("\t")
            if ours == "-" or ours == "":
                print("| %s | %s | %s | %s | | %s | |" % (what, "", name.strip("-"), "" if peer == "-" else peer + " " + unit, budget))
                continue
            number = float(peer) if peer != "-" else 0.0
            ratio = "%.3g" % (float(ours) / number) if number else ""
            print("| %s | %s %s | %s | %s | %s | %s | %s |" % (
                what, ours, unit, name.strip("-"), "%s %s" % (peer, unit) if number else "", ratio, budget,
                verdict(float(ours), number, budget)))


if sys.argv[1] == "time":
    timed(*sys.argv[2:])
elif sys.argv[1] == "peak":
    print(run(sys.argv[2:])[2])
else:
    table(sys.argv[2])
