#!/bin/bash
# altered.sh: a bundle with one bit turned around, anything cut off or put on, or signed by somebody else is
# refused with status 3 and the member's name, by every command that reads it, and none of them crashes.
# STEP=N takes every Nth place (11, in CI 3); 1 takes all.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-repo.sh"
STEP=${STEP:-$([ -n "${CI:-}" ] && echo 3 || echo 11)}
BEND=$TOOLS/bend.py
X=$T/x.tar
export COSIGN_PASSWORD=

repo_start
usual_recipes
printf '#!/bin/sh\necho the tool\n%2000s' '' >"$T/bundle/tool"
echo "tool: tool" >>"$T/bundle/bundle.yaml"
check "the recipes are locked" ess "$T/cache" ok lock "$T/bundle" || bail "no locks" "$OUT"
for key in key other third; do
	check "a key is made" "$ESS" keygen -o "$T/$key" || bail "no key" "$OUT"
done
check "a bundle is built and signed" ess "$T/cache" ok build -q --key "$T/key.key" -o "$T/good.tar" "$T/bundle" ||
	bail "no bundle" "$OUT"
cp "$T/good.tar" "$X"

# --- the commands ---
# Each on $X: its status in $rc, what it says in $OUT.
run_it() { "$@" >"$OUT" 2>&1 </dev/null && rc=0 || rc=$?; }
do_verify() { run_it "$ESS" verify -q --key "$T/key.pub" "$X"; }
do_digests() { run_it "$ESS" verify -q --digests-only "$X"; }
do_unpack() {
	run_it "$ESS" unpack -q --key "$T/key.pub" -o "$T/unpacked" "$X"
	[ ! -e "$T/unpacked" ] || [ "$rc" = 0 ] || rc="$rc and something is left"
	[ -z "$(find "$T" -maxdepth 1 -name 'unpacked*')" ] || rm -rf "$T"/unpacked*
}
do_inspect() { run_it "$ESS" inspect --json "$X"; }
do_diff() { run_it "$ESS" diff "$T/good.tar" "$X"; }
do_diff_files() { run_it "$ESS" diff -q --files "$X" "$T/good.tar"; }
do_rebuild() { run_it env ESS_BUNDLE_CACHE="$T/cache" "$ESS" rebuild -q --offline --compare "$X"; }
# What a killed run of sign may have left is put right by the next one; then all has to be there.
do_sign() {
	cp "$X" "$T/signed.tar"
	run_it "$ESS" sign -q --key "$T/other.key" "$T/signed.tar"
	if [ "$rc" = 0 ] && "$ESS" verify -q --key "$T/key.pub" "$T/signed.tar" >>"$OUT" 2>&1 &&
		"$ESS" verify -q --key "$T/other.pub" "$T/signed.tar" >>"$OUT" 2>&1; then
		rc=3
		echo "put right" >>"$OUT"
	elif [ "$rc" != 0 ] && ! cmp "$X" "$T/signed.tar" >>"$OUT"; then
		rc="$rc and the file was changed"
	fi
}
for command in verify digests unpack inspect diff diff_files rebuild sign; do
	"do_$command"
	check_equal "$command takes the bundle as it is" 0 "${rc/3/0}" || bail "and so nothing else means anything" "$OUT"
done

# refused PLACE REGEX COMMAND...: each ends with 3 and says REGEX ("" = anything), or it is noted in $T/bad.
refused() {
	local place=$1 regex=$2 command
	shift 2
	for command; do
		"do_$command"
		tried=$((tried + 1))
		if [ "$rc" != 3 ]; then
			printf '%s: %s ends with %s: %s\n' "$place" "$command" "$rc" "$(tail -n 1 "$OUT" | cut -c1-200)" >>"$T/bad"
		elif ! grep -qE -- "$regex|put right" "$OUT"; then
			printf '%s: %s does not say %s: %s\n' "$place" "$command" "$regex" "$(tail -n 1 "$OUT" | cut -c1-200)" >>"$T/bad"
		fi
	done
}
begin() {
	: >"$T/bad"
	tried=0
}
end() { # NAME
	if [ -s "$T/bad" ]; then
		not_ok "$1 ($tried tries)" "$T/bad"
	else
		ok "$1 ($tried tries)"
	fi
}

# --- one bit ---
"$BEND" list "$X" | sort -s -t "$(printf '\t')" -k1,1 >"$T/places" || bail "the places cannot be listed"
for kind in $(cut -f1 "$T/places" | uniq); do
	n=0
	begin
	while IFS=$'\t' read -r _ member offset; do
		n=$((n + 1))
		# The first of each kind, and every STEPth.
		[ $((n % STEP)) = 1 ] || [ "$STEP" = 1 ] || continue
		"$BEND" flip "$X" "$offset" $((n % 7))
		case $kind in
		end) says="end of the file|tar header at offset" ;;
		header) says="${member##*/}|tar header at offset [0-9]+" ;;
		*) says="${member##*/}" ;;
		esac
		refused "$kind of $member at $offset" "$says" verify unpack sign rebuild diff_files
		# These read no layers.
		[ "$kind" = layer ] || refused "$kind of $member at $offset" "" inspect diff
		"$BEND" flip "$X" "$offset" $((n % 7))
	done < <(grep -P "^$kind\t" "$T/places")
	end "a bit of: $kind"
done
check "all bits were turned back" cmp "$X" "$T/good.tar" || bail "the tests above mean nothing"

# --- cut and longer ---
size=$(stat -c %s "$X")
begin
for at in 0 1 511 512 1024 1536 $((size / 3)) $((size / 2)) $((size - 1025)) $((size - 1024)) $((size - 512)) $((size - 1)); do
	head -c "$at" "$T/good.tar" >"$X"
	refused "cut at $at" "'.*(x|signed)\.tar'" verify digests unpack inspect diff diff_files rebuild sign
done
end "cut off"
begin
for more in a $'\n' "$(printf '%2000s' '')"; do
	cp "$T/good.tar" "$X"
	printf '%s' "$more" >>"$X"
	refused "longer by ${#more}" "bytes" verify digests unpack inspect diff diff_files rebuild sign
done
cp "$T/good.tar" "$X"
head -c 10240 /dev/zero >>"$X"
refused "longer by zeros" "bytes" verify digests unpack inspect diff diff_files rebuild sign
cat "$T/good.tar" "$T/good.tar" >"$X"
refused "twice in one file" "bytes|twice" verify digests unpack inspect diff diff_files rebuild
end "something put on"
begin
for what in 'no tar at all' "$(head -c 700 /dev/urandom | tr -d '\0')"; do
	echo "$what" >"$X"
	refused "another file" "'.*(x|signed)\.tar'" verify digests unpack inspect diff diff_files rebuild sign
done
tar -C "$T/bundle" -cf "$X" bundle.yaml
refused "another tar" "'.*(x|signed)\.tar'" verify digests unpack inspect diff diff_files rebuild sign
end "no bundle"

# --- who signed it ---
cp "$T/good.tar" "$X"
sed '/^tool/d' "$T/bundle/bundle.yaml" >"$T/plain.yaml"
check "an unsigned bundle is built" ess "$T/cache" ok build -q -o "$T/unsigned.tar" "$T/bundle"
wrong_key() { "$ESS" verify -q --key "$T/third.pub" "$X"; }
check_rc "a wrong key has status 3" 3 wrong_key
check_fails "and says whose key it is not" 'none of 1 signatures is by the key .*' wrong_key
check_fails "with a hint" 'hint: get the public key of whoever made' wrong_key
no_key() { "$ESS" verify -q "$X"; }
check_rc "no key has status 3" 3 no_key
check_fails "and says that there is none" 'no key given' no_key
check_fails "with another hint" 'hint: .*--key.*--digests-only' no_key
unsigned() { "$ESS" verify -q --key "$T/key.pub" "$T/unsigned.tar"; }
check_rc "no signature has status 3" 3 unsigned
check_fails "and says so" 'the bundle is not signed' unsigned
check_fails "with a hint of its own" "hint: sign it with 'ess-bundle sign'" unsigned
check_rc "a key file that is missing has status 4" 4 "$ESS" verify --key "$T/none.pub" "$X"
check_fails "and names it" 'none\.pub' "$ESS" verify --key "$T/none.pub" "$X"
check_fails "a private key in its place is told" 'key\.key' "$ESS" verify --key "$T/key.key" "$X"
check_rc "the digests alone are right" 0 "$ESS" verify -q --digests-only "$T/unsigned.tar"
check "of two signatures each is enough" "$ESS" sign -q --key "$T/other.key" "$X"
for key in key other; do
	check "by $key" "$ESS" verify -q --key "$T/$key.pub" "$X"
done
check_fails "and a third is told apart" 'none of 2 signatures' "$ESS" verify -q --key "$T/third.pub" "$X"
check_match "--json tells the codes apart" '"code":"SIGNATURE"' sh -c "'$ESS' verify --json '$X' 2>&1; true"
check_rc "a file that is missing has status 4" 4 "$ESS" verify --digests-only "$T/none.tar"
finish
