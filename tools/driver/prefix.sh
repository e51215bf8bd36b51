# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The model's memory of its instructions: what stands in front of every question to the local model takes it half a
# minute to read and is the same in every new state. It is computed once, at set-up, by a system of its own that no
# person has spoken to; every state on this machine is shown the result read-only (CLAWOS_PREFIXES). claw-llmd knows by
# its name and sums whether it fits (spec/local-model.md), so a stale one is only not used.

prefixes_kept=8

# True when set-up has done this for these weights since the programs were built.
has_prefix() {
	[ -f "$1" ] && [ "$(cat build/prefix 2>/dev/null)" = "$1" ]
}

# make_prefix WEIGHTS RUN_BASE
make_prefix() {
	mkdir -p "$cache/prefix"
	! with_lock prefix make_prefix_locked "$@" || echo "$1" >build/prefix
}

make_prefix_locked() {
	prefix_model=$1 prefix_base=$2 prefix_failed=0
	prefix_state=$cache/tmp/prefix-state # not a fresh one: what an interrupted call has computed is gone on with
	mkdir -p "$prefix_state"
	(in_prefix_state stop >/dev/null 2>&1) || : # what a killed call left
	rm -f "$prefix_state/ready" "$prefix_state/said"
	mkfifo "$prefix_state/ready" "$prefix_state/said"
	# A child of this job, so that it ends with it, and its daemons with it.
	in_prefix_state up --ready 3>"$prefix_state/ready" 9>&- >"$cache/log/prefix.log" 2>&1 &
	prefix_up=$!
	read -r said <"$prefix_state/ready" || :
	[ -z "$said" ] || fail "the system that prepares the model did not start: $said"
	in_prefix_state prepare >"$prefix_state/said" 2>&1 &
	prefix_claw=$!
	while read -r said; do
		progress "$said"
	done <"$prefix_state/said"
	if wait "$prefix_claw"; then
		kill "$prefix_up"
		wait "$prefix_up" || :
		take_prefixes
	else
		say "the model's memory of its instructions could not be prepared; the first question will take longer."
		kill "$prefix_up"
		wait "$prefix_up" || :
		prefix_failed=1
	fi
	rm -rf --one-file-system -- "$prefix_state"
	return "$prefix_failed"
}

# claw for that system: nothing of this person's environment.
in_prefix_state() {
	exec env -i PATH="$PATH" CLAWOS_BIN="$clone/build/bin" CLAWOS_BASE="$prefix_base/root" \
		CLAWOS_SHARE="$clone/spec" CLAWOS_PREFIXES="$cache/prefix" CLAWOS_MODEL_FILE="$prefix_model" \
		"$clone/build/bin/claw" --state "$prefix_state" "$@"
}

# What was computed goes to its place, whole or not at all; of more than a few the oldest go.
take_prefixes() {
	for file in "$prefix_state"/llm/*.prefix "$prefix_state/llm/weights.id"; do
		[ -f "$file" ] || continue
		chown 0:0 "$file"
		chmod 444 "$file"
		keep "$file" "$cache/prefix/${file##*/}"
	done
	find "$cache/prefix" -name '*.prefix' -printf '%T@ %p\n' | sort -rn | tail -n "+$((prefixes_kept + 1))" |
		cut -d' ' -f2 | while read -r file; do
		rm -f -- "$file"
	done
}
