#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# usage: sqlite.sh ARCHIVE OUTPUT
# SQLite with the Multiple Ciphers page-cipher hooks, as a static library for clawfsd: from the verified npm archive of
# better-sqlite3-multiple-ciphers to OUTPUT/include/sqlite3.h (which declares the sqlite3mc_* calls too) and
# OUTPUT/lib/libsqlite3.a. Runs inside the build base; needs cc, ar and tar.
set -eu
[ $# -eq 2 ] || { echo "usage: sqlite.sh ARCHIVE OUTPUT" >&2; exit 2; }
archive=$1 output=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
tar -xzf "$archive" -C "$work" package/deps/sqlite3 package/LICENSE

# Of the ciphers that come with it only the one that its SQL functions need: the store registers its own. One thread, one
# connection, one file: no shared cache, no extensions, no temporary files, no statistics. FULL is what makes a confirmed
# write survive a power cut.
options='-DSQLITE_THREADSAFE=0 -DSQLITE_DQS=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_DEFAULT_MEMSTATUS=0
 -DSQLITE_ENABLE_FTS5 -DSQLITE_SECURE_DELETE -DSQLITE_TRUSTED_SCHEMA=0 -DSQLITE_TEMP_STORE=3
 -DSQLITE_DEFAULT_SYNCHRONOUS=2 -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=2 -DSQLITE_DEFAULT_FOREIGN_KEYS=1
 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_USE_URI=0 -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_DEPRECATED
 -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_TRACE -DSQLITE_MAX_ATTACHED=1 -DSQLITE_MAX_MMAP_SIZE=0
 -DHAVE_INT8_T=1 -DHAVE_INT16_T=1 -DHAVE_INT32_T=1 -DHAVE_UINT8_T=1 -DHAVE_UINT16_T=1 -DHAVE_UINT32_T=1
 -DHAVE_STDINT_H=1 -DHAVE_USLEEP=1 -DHAVE_FDATASYNC=1
 -DSQLITE3MC_HAVE_DYNAMIC_CIPHERS=1 -DHAVE_CIPHER_AES_128_CBC=0 -DHAVE_CIPHER_AES_256_CBC=0 -DHAVE_CIPHER_SQLCIPHER=0
 -DHAVE_CIPHER_RC4=0 -DHAVE_CIPHER_ASCON128=0 -DHAVE_CIPHER_AEGIS=0'
hardening='-fPIE -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero -ffunction-sections
 -fdata-sections -D_FORTIFY_SOURCE=3'
case $(uname -m) in x86_64) hardening="$hardening -fcf-protection" ;; esac

mkdir -p "$output/include" "$output/lib"
# shellcheck disable=SC2086 # both are lists of flags
cc -std=gnu17 -O2 -g1 -w "-ffile-prefix-map=$work=." $options $hardening \
	-c "$work/package/deps/sqlite3/sqlite3.c" -o "$work/sqlite3.o"
rm -f "$output/lib/libsqlite3.a"
ar rcsD "$output/lib/libsqlite3.a" "$work/sqlite3.o"
cp "$work/package/deps/sqlite3/sqlite3.h" "$output/include/sqlite3.h"
cp "$work/package/LICENSE" "$output/LICENSE"
