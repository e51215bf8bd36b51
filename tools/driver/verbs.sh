# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# What the person can ask for.

verb_help() {
	cat <<'EOT'
usage: ./clawos VERB [ARGUMENT...]

  run [ARGUMENT...]   prepare what is missing, then run claw: no argument opens the shell, -m "TEXT" asks once
  run help [VERB]     claw's own verbs (trace, doctor, model, threads, history, ...) and options; needs no model
  run --plan          say what a first run would fetch and build, and do nothing
  status, logs, stop  the daemons: how they are, what they wrote, end them; they start nothing
  test [--long] [PATTERN]
                      build with both compilers, run every check and test (those whose name contains PATTERN)
  build               build the programs only
  bench [ARGUMENT...] measure
  shell [COMMAND...]  a shell (or a command) in the base that builds, with this clone
  fmt                 format the C sources
  clean [--cache]     stop the system of this state and remove what was built in this clone; with --cache also bases,
                      parts and weights of all clones. Refuses while something else runs from what it would remove

Environment: CLAWOS_STATE (where the system keeps its state), CLAWOS_CACHE (bases, parts, weights),
CLAWOS_MODEL (1.5b, 0.5b, smollm2 or the path of a GGUF file), LLM_BACKEND, LLM_BASE_URL, LLM_API_KEY, LLM_MODEL.
EOT
}

# claw ARGUMENT...: becomes the built claw, with the places it needs, where the person stands.
run_claw() {
	require_own_cache
	CLAWOS_BIN=$clone/build/bin CLAWOS_BASE=$ready_base/root CLAWOS_SHARE=$clone/spec CLAWOS_STATE=$(state_dir)
	CLAWOS_PREFIXES=$cache/prefix
	model=$(wanted_model)
	CLAWOS_MODEL_FILE=
	[ -z "$model" ] || CLAWOS_MODEL_FILE=$(model_path "$model")
	export CLAWOS_BIN CLAWOS_BASE CLAWOS_SHARE CLAWOS_STATE CLAWOS_PREFIXES CLAWOS_MODEL_FILE
	mark_used "$ready_base"
	cd -- "$call_dir" 2>/dev/null || :
	exec "$CLAWOS_BIN/claw" "$@"
}

# True when claw would only print a text about itself: nothing but the program is needed for that.
is_information() {
	case "${1:-}" in help | version | -h | --help | -V | --version) return 0 ;; -*) return 1 ;; esac
	case "$#${2:-}" in 2-h | 2--help | 2-V | 2--version) return 0 ;; esac
	return 1
}

verb_run() {
	plan=false
	if [ "${1:-}" = --plan ]; then
		plan=true
		shift
	fi
	purpose=run model=
	if is_information "$@"; then purpose=information; else model=$(wanted_model); fi
	if $plan; then
		show_plan "$model" "$purpose"
		return 0
	fi
	if ! is_ready "$([ -n "$model" ] && echo true || echo false)" || { [ -n "$model" ] && ! has_prefix "$(model_path "$model")"; }; then
		prepare "$purpose" "$model"
		# shellcheck source=/dev/null
		. ./build/ready
	fi
	run_claw "$@"
}

verb_claw() {
	[ -f build/ready ] || fail "nothing is built in this clone yet; ./clawos run does it."
	# shellcheck source=/dev/null
	. ./build/ready
	run_claw "$@"
}

verb_build() {
	model=$(wanted_model)
	prepare build "$model"
}

# verb_test [--long] [PATTERN]: what needs a network happens first; builds and tests have none.
verb_test() {
	require_host
	require_room test smollm2
	next_step="run base and parts" && do_step make_base test
	next_step="programs with gcc, with sanitizers, with clang; then checks and tests"
	start run_base make_base run
	start model make_model smollm2
	start llama make_part llama
	do_step make_part sqlite
	finish llama
	finish run_base
	finish model
	next_step=
	rm -f build/builds.tap
	only=
	try "the programs are built" build_program true "$(base_path run)" || only=--only-builds
	parts=$(link_parts sqlite llama)
	[ -n "$only" ] || try "gcc builds everything without a warning" compile release gcc all "-Dparts=$parts" -Dlocal_model=true ||
		only=--only-builds
	if [ -z "$only" ]; then
		progress "next: with sanitizers, with clang, then checks and tests"
		try "gcc builds the tests with ASan and UBSan" compile sanitize gcc meson-test-prereq "-Dparts=$parts" \
			-Db_sanitize=address,undefined -Db_lundef=false || :
		try "clang builds everything without a warning" compile clang clang-19 all "-Dparts=$parts" || :
	fi
	start tests in_base "$(build_base)" none env "CLAWOS_CACHE=$cache" "CLAWOS_BIN=$clone/build/bin" "CLAWOS_BUILD=$clone/build/release" "CLAWOS_BASE=$(base_path run)/root" \
		"CLAWOS_SHARE=$clone/spec" "CLAWOS_MODEL_FILE=$(model_path smollm2)" "ASAN_OPTIONS=detect_leaks=1" \
		tools/run-tests --builds build/builds.tap $only "$@"
	finish tests
	do_step prune
}

# try NAME COMMAND...: a step whose outcome is a line for the tests to count.
try() {
	name=$1
	shift
	start try "$@"
	eval "pid=\$job_try"
	if wait "$pid"; then
		echo "ok - $name" >>build/builds.tap
	else
		echo "not ok - $name" >>build/builds.tap
		return 1
	fi
}

verb_shell() {
	require_host
	do_step make_base build
	[ $# -gt 0 ] || set -- bash
	in_base "$(build_base)" host "$@"
}

verb_fmt() {
	require_host
	do_step make_base test
	find src tests fuzz bench -name '*.[ch]' |
		in_base "$(base_path test)" none xargs -r clang-format -i
}

verb_bench() {
	model=$(wanted_model)
	prepare build "$model"
	model=$(model_path "$(model_name)")
	[ -f "$model" ] || model=
	export enter_weights="$model"
	in_base "$(build_base)" host env "CLAWOS_MODEL_FILE=$model" "CLAWOS_BIN=$clone/build/bin" \
		"CLAWOS_BUILD=$clone/build/release" "CLAWOS_BASE=$(base_path run)/root" "CLAWOS_SHARE=$clone/spec" bench/run "$@"
}

# verb_clean [--cache]: stops the system of this state when it runs from this clone; refuses while anything else does,
# or while another call is at work here.
verb_clean() {
	case "$#${1:-}" in 0 | 1--cache) ;; *) fail "clean takes --cache or nothing" ;; esac
	require_free "$clone"
	[ $# -eq 0 ] || require_idle_cache
	stop_own_system
	require_free build/bin
	[ $# -eq 0 ] || for path in "$cache"/base-*; do require_free "$path"; done
	rm -rf --one-file-system build
	[ $# -gt 0 ] || return 0
	for path in "$cache"/base-* "$cache"/part-* "$cache"/npm-*; do
		[ ! -e "$path" ] || move_away "$path" "$cache/tmp/gone" || require_free "$path"
	done
	# By name: the cache may be a folder that holds other things too.
	for path in "$cache/download" "$cache/model" "$cache/prefix" "$cache/tmp" "$cache/mnt" "$cache/log" "$cache/lock"; do
		rm -rf --one-file-system -- "$path"
	done
	rmdir -- "$cache" 2>/dev/null || :
}

stop_own_system() {
	is_held build/bin || return 0
	! holders build/bin | grep -qvF -- " --state $(state_dir) " || require_free build/bin
	CLAWOS_STATE=$(state_dir) build/bin/claw stop >/dev/null || fail "the system of $(state_dir) could not be stopped."
	say "the system of $(state_dir) was stopped."
}

require_idle_cache() {
	for path in "$cache"/lock/*; do
		[ ! -f "$path" ] || flock -n -x "$path" true ||
			fail "another call is at work in $cache (${path##*/}); nothing was removed. Call again when it has ended."
	done
}

# show_plan MODEL PURPOSE: one line per thing a first run makes: what is there, what would be fetched or built.
show_plan() {
	plan_line "run base" "$(base_path run)" "make with mmdebstrap"
	plan_line "build base" "$(build_base)" "make with mmdebstrap"
	plan_part sqlite
	if [ -n "$1" ]; then
		plan_part llama
		case $1 in
		/*) plan_line "weights $1" "$1" "missing" ;;
		*)
			file=$(model_path "$1")
			read_lock "$1"
			plan_line "weights $1" "$file" "fetch $(megabytes "$lock_bytes")"
			;;
		esac
		if has_prefix "$(model_path "$1")"; then echo "memory of its instructions: there"; else echo "memory of its instructions: compute"; fi
	elif [ "$2" = run ]; then
		echo "local model: none, a remote provider is configured"
	fi
	if is_ready "$([ -n "$1" ] && echo true || echo false)"; then echo "programs: there"; else echo "programs: build"; fi
}

plan_part() {
	read_lock "$1"
	plan_line "part $1" "$(part_path "$1" 2>/dev/null)" "fetch $(megabytes "$lock_bytes"), build"
}

plan_line() {
	if [ -e "$2" ]; then echo "$1: there"; else echo "$1: $3"; fi
}
