"""Renders every values file, counts the objects and checks what has to hold of them; one line of TAP each.

usage: run.py [all | VALUES FILE...]
Without arguments files that differ from others in little are left out; with names (without .yaml) only these are
rendered, and only what holds of every file is checked.
"""
import collections
import os
import re
import sys

import cases
import configured
import network  # registers its checks in sweep  # pylint: disable=unused-import
import sweep
from stack import VALUES, Failed, Later, load

HERE = os.path.dirname(os.path.abspath(__file__))
# Kinds that the chart has none of, so that they are not part of the counts.
OURS = ("NetworkPolicy", "PodDisruptionBudget")


# The longest ones, and those that exercise what another one does.
TWINS = re.compile(
    r"-checkov|^example-default|^quick-setup-(certificates|wildcard|letsencrypt-pg-with)|^quick-setup-external-cert-pg-ext|"
    r"^pytest-(element|matrix|synapse)|secrets-in-helm$|-no-manual-ip$|-stun$|worker-example|external-synapse"
)


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def line(self, name, wrong, note=""):
        self.count += 1
        self.failed += bool(wrong)
        print("%sok %d - %s%s" % ("not " if wrong else "", self.count, name, note))
        for text in wrong[:8]:
            print("# " + " ".join(str(text).split())[:600])
        if len(wrong) > 8:
            print("# and %d more" % (len(wrong) - 8))
        sys.stdout.flush()


def table(file):
    """Lines of words; what follows ' # ' is an explanation."""
    with open(os.path.join(HERE, file), encoding="utf-8") as lines:
        for line in lines:
            words, _, why = line.rstrip("\n").partition(" # ")
            if words and not words.startswith("#"):
                yield words.split(), why.strip()


def counts(name, objects, wanted):
    """Objects of each kind, against 'N' or 'N Kind=n...'."""
    found = collections.Counter(one["kind"] for one in objects if one["kind"] not in OURS)
    if str(sum(found.values())) != wanted[0]:
        yield "%s: %d objects, wanted %s: %s" % (name, sum(found.values()), wanted[0], dict(found))
    for word in wanted[1:]:
        kind, _, number = word.partition("=")
        if str(found[kind]) != number:
            yield "%s: %d of kind %s, wanted %s" % (name, found[kind], kind, number)


def sweep_all(later, names, found):
    expected = {words[0]: words[1:] for words, _ in table("counts.txt")}
    for name in names:
        try:
            objects = later.get(name)
        except Failed as error:
            found["values/every_file_renders"].append("%s: %s" % (name, error))
            continue
        values = load(os.path.join(VALUES, name + ".yaml"))
        found["values/objects_per_kind"] += list(counts(name, objects, expected.get(name, ["?"])))
        done = {}
        for check, function in sweep.CHECKS.items():
            if function not in done:
                done[function] = ["%s: %s" % (name, text) for text in function(objects, values)]
            found[check] += done[function]


def settings(later, found):
    for checks in (configured.CHECKS, cases.CHECKS):
        done = {}
        for check, function in checks.items():
            if function not in done:
                try:
                    done[function] = list(function(later))
                except Failed as error:
                    done[function] = ["does not render: %s" % error]
            found[check] += done[function]
    for check in cases.REFUSED:
        found[check] += list(cases.refused(later, check))


def main():
    names = sorted(file[:-5] for file in os.listdir(VALUES) if file.endswith(".yaml"))
    only = [name for name in names if name in sys.argv[1:]]
    if sys.argv[1:] != ["all"] and not only:
        names = [name for name in names if not TWINS.search(name)]
    later = Later()
    for name in only or names:
        later.ask(name, name)
    if not only:
        configured.ask(later)
        cases.ask(later)
    found = collections.defaultdict(list)
    for check in list(sweep.CHECKS) + ["values/every_file_renders", "values/objects_per_kind"]:
        found[check] = []
    sweep_all(later, only or names, found)
    if not only:
        settings(later, found)
    tap = Tap()
    for words, why in [] if only else table("invariants.txt"):
        if why and words[0] not in found:
            tap.line(words[0], [], " # SKIP " + why)
        else:
            tap.line(words[0], found.pop(words[0], ["nothing checks it"]))
    for check in sorted(found):
        tap.line(check, found[check])
    print("1..%d" % tap.count)
    sys.exit(1 if tap.failed else 0)


main()
