# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Parts (libraries made by tools/parts/NAME.sh from a fetched source) and weights (assembled from fetched pieces).

# The toolchain of the base, as far as it shapes a static library.
toolchain() {
	grep -E '^(gcc-[0-9]+|g\+\+-[0-9]+|binutils|libc6-dev|libstdc\+\+-[0-9]+-dev|cmake) ' "$(build_base)/versions"
}

# Where the part NAME is kept: by source, recipe, toolchain, and what the recipe itself adds (its --key).
part_path() {
	read_lock "$1"
	key=$({
		echo "$lock_sha256"
		cat "tools/parts/$1.sh"
		! grep -q -e --key "tools/parts/$1.sh" || sh "tools/parts/$1.sh" --key
		toolchain
	} | sha256sum | cut -c1-16)
	echo "$cache/part-$1-$key"
}

make_part() {
	part=$(part_path "$1")
	mark_used "$part"
	[ -d "$part" ] || with_lock "part-$1" make_part_locked "$1" "$part"
}

make_part_locked() {
	[ ! -d "$2" ] || return 0
	fetch "$1"
	read_lock "$1"
	archive=$(download_path)
	check_hash "$archive" "$lock_sha256" || {
		rm -f -- "$archive"
		fail "$archive was damaged and is removed; call again."
	}
	progress "part $1: building from $lock_package $lock_version"
	tmp=$(fresh_tmp "part-$1")
	chmod 755 "$tmp"
	logged "$cache/log/part-$1.log" in_base "$(build_base)" none sh "$clone/tools/parts/$1.sh" "$archive" "$tmp"
	keep "$tmp" "$2"
	progress_done "part $1: done, $(megabytes "$(size_of "$2")")"
}

# Prints the name of the weights to use: CLAWOS_MODEL, else by the memory of this machine. 3.7 million KiB is what the
# kernel leaves of 4 GiB.
model_name() {
	case ${CLAWOS_MODEL:-} in
	1.5b | 0.5b | smollm2) echo "$CLAWOS_MODEL" ;;
	"")
		memory_kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
		if [ "${memory_kib:-0}" -ge 3700000 ]; then echo 1.5b; else echo 0.5b; fi
		;;
	/*) echo "$CLAWOS_MODEL" ;;
	*) fail "CLAWOS_MODEL is \"$CLAWOS_MODEL\"; it may be 1.5b, 0.5b, smollm2 or the absolute path of a GGUF file" ;;
	esac
}

# model_path NAME: the weights file of a name.
model_path() {
	case $1 in
	/*) echo "$1" ;;
	*)
		read_lock "$1"
		echo "$cache/model/$lock_sha256.gguf"
		;;
	esac
}

make_model() {
	model=$(model_path "$1")
	[ ! -f "$model" ] || return 0
	case $1 in /*) fail "the weights file $1 does not exist" ;; esac
	with_lock "model-$1" make_model_locked "$1" "$model"
}

make_model_locked() {
	[ ! -f "$2" ] || return 0
	read_lock "$1"
	progress "weights $1: $lock_package, $(megabytes "$lock_bytes")"
	pieces=$(lock_pieces "$1")
	# Three at a time: one keeps the line busy while another starts or is checked.
	start fetch_a fetch_every_third 0
	start fetch_b fetch_every_third 1
	start fetch_c fetch_every_third 2
	finish fetch_a
	finish fetch_b
	finish fetch_c
	tmp=$(fresh_tmp "model-$1")
	# shellcheck disable=SC2046 # paths without blanks, see require_host
	logged "$cache/log/model-$1.log" in_base "$(build_base)" none python3 "$clone/tools/driver/assemble" "$tmp/weights" \
		$(for piece in $pieces; do read_lock "$piece" && download_path; done)
	read_lock "$1"
	check_hash "$tmp/weights" "$lock_sha256" || {
		rm -rf -- "$tmp"
		exit 1
	}
	chmod 444 "$tmp/weights"
	keep "$tmp/weights" "$2"
	rmdir "$tmp"
	for piece in $pieces; do
		read_lock "$piece"
		rm -f -- "$(download_path)"
	done
	progress_done "weights $1: done, $(megabytes "$(size_of "$2")")"
}

fetch_every_third() {
	number=0
	for piece in $pieces; do
		if [ $((number % 3)) -eq "$1" ]; then
			fetch "$piece"
			show_pieces
		fi
		number=$((number + 1))
	done
}

# A line of progress: how many of the pieces are there.
show_pieces() {
	there=0 count=0 bytes=0 all_bytes=0
	for each in $pieces; do
		read_lock "$each"
		count=$((count + 1)) all_bytes=$((all_bytes + lock_bytes))
		[ ! -f "$(download_path)" ] || there=$((there + 1)) bytes=$((bytes + lock_bytes))
	done
	progress "weights ${pieces%%.[0-9][0-9]*}: $there of $count pieces, $(megabytes "$bytes") of $(megabytes "$all_bytes")"
}
