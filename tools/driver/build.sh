# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Builds the programs in build/ of the clone, and knows cheaply whether they are up to date.

# What the programs are made from. A change of content, a new name and a removed one all change a file's or a folder's
# ctime, which `find -cnewer` compares with the moment the last build began.
sources='src spec meson.build meson_options.txt tools'

# is_ready LOCAL_MODEL: build/bin is up to date; sets ready_base.
is_ready() {
	[ -f build/ready ] || return 1
	ready_clone='' ready_cache='' ready_base='' ready_local_model=''
	# shellcheck source=/dev/null
	. ./build/ready
	[ "$ready_clone" = "$clone" ] && [ "$ready_cache" = "$cache" ] && [ -d "$ready_base/root" ] || return 1
	[ "$1" = false ] || [ "$ready_local_model" = true ] || return 1
	# shellcheck disable=SC2086 # a list
	[ -z "$(find $sources -cnewer build/ready -print -quit)" ]
}

# prepare PURPOSE MODEL: everything `run` needs (PURPOSE run), or only the programs (build, information).
prepare() {
	require_host
	model=$2
	require_room "$1" "$model"
	next_step="build base" && start run_base make_base run
	next_step="sources and parts" && do_step make_base build
	if [ -n "$model" ]; then
		[ "$1" != run ] || { next_step=claw && start model make_model "$model"; }
		next_step=programs && start llama make_part llama
	fi
	next_step=programs && do_step make_part sqlite
	finish llama
	finish run_base
	next_step=$([ "$1" != run ] || if [ -n "$model" ]; then echo "the model's memory of its instructions"; else echo claw; fi)
	do_step build_program "$(local_model "$model")" "$(base_path run)"
	finish model
	[ -z "$model" ] || [ "$1" != run ] || do_step make_prefix "$(model_path "$model")" "$(base_path run)"
	do_step prune
}

# Prints the name of the weights this call needs; nothing with a remote provider.
wanted_model() {
	has_remote_provider || model_name
}

# Prints true when claw-llmd is to be built: it is wanted, or costs nothing because its part is there.
local_model() {
	if [ -n "$1" ] || [ -d "$(part_path llama)" ]; then echo true; else echo false; fi
}

build_program() {
	mkdir -p build
	(
		if ! flock -n 9; then
			progress "another call is building this clone; waiting for it"
			flock 9
		fi
		build_program_locked "$@"
	) 9>build/lock
}

build_program_locked() {
	: >build/began
	progress "programs: building"
	if [ "$1" = true ]; then parts=$(link_parts sqlite llama); else parts=$(link_parts sqlite); fi
	configure release gcc "-Dparts=$parts" "-Dlocal_model=$1"
	logged build/log/release.log in_base "$(build_base)" none python3 tools/driver/collect build/release build/bin
	cat >build/ready.next <<-EOT
		ready_clone='$clone'
		ready_cache='$cache'
		ready_base='$2'
		ready_local_model=$1
	EOT
	rm -f build/prefix
	touch -r build/began build/ready.next
	mv -f build/ready.next build/ready
	progress_done "programs: done, $(megabytes "$(size_of build/bin)") in build/bin"
}

# link_parts NAME...: prints a folder of the clone that leads to these parts. Its name changes with them, so that ninja
# sees a change even when the newer part was made earlier.
link_parts() {
	found=$(for part in "$@"; do echo "$part $(part_path "$part")"; done)
	folder=$clone/build/parts/$(echo "$found" | sha256sum | cut -c1-8)
	mkdir -p "$folder"
	echo "$found" | while read -r part path; do
		mark_used "$path"
		ln -sfnT "$path" "$folder/$part"
	done
	echo "$folder"
}

# configure NAME COMPILER OPTION...: meson for build/NAME.
configure() {
	folder=build/$1 compiler=$2
	shift 2
	wanted="$compiler $* $(toolchain)"
	mkdir -p build/log
	if [ ! -f "$folder/build.ninja" ]; then
		rm -rf "$folder"
		logged build/log/setup.log in_base "$(build_base)" none env "CC=$compiler" meson setup "$folder" "$@"
	elif [ "$wanted" != "$(cat "$folder.options" 2>/dev/null)" ]; then
		logged build/log/setup.log in_base "$(build_base)" none env "CC=$compiler" meson setup --reconfigure "$folder" "$@"
	fi
	echo "$wanted" >"$folder.options"
}

# compile NAME COMPILER TARGET OPTION...: meson and ninja for build/NAME.
compile() {
	name=$1 compiler=$2 target=$3
	shift 3
	configure "$name" "$compiler" "$@"
	logged "build/log/$name.log" in_base "$(build_base)" none ninja -C "build/$name" "$target"
}
