#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The model engine: static libllama and ggml, processor only, from the source bundle inside npm node-llama-cpp.
#
# usage: llama.sh ARCHIVE OUT   builds (inside the build base) OUT/include, OUT/lib, OUT/LICENSE
#        llama.sh --key         prints the processor level it would build for; part of the cache key
#
# Levels are few and fixed, not "native": two machines with the same level share a result, and claw-llmd
# can say at its start that a processor lacks what the result needs.
set -eu

has() { # every flag named is among this processor's
  for flag in "$@"; do
    case " $flags " in *" $flag "*) ;; *) return 1 ;; esac
  done
}

flags=$(sed -n -e '/^flags[[:space:]]*:/{s/^[^:]*://p;q;}' -e '/^Features[[:space:]]*:/{s/^[^:]*://p;q;}' /proc/cpuinfo)
case $(uname -m) in
x86_64)
  if has avx2 fma f16c bmi2 avx512f avx512cd avx512bw avx512dq avx512vl avx512vbmi avx512_vnni; then level=x86-64-v4-vnni
  elif has avx2 fma f16c bmi2; then level=x86-64-v3
  elif has ssse3 sse4_1 sse4_2 popcnt; then level=x86-64-v2
  else echo "llama.sh: the local model needs a processor with SSE 4.2" >&2; exit 1
  fi ;;
aarch64)
  if has asimddp i8mm; then level=armv8.2-a+dotprod+i8mm
  elif has asimddp; then level=armv8.2-a+dotprod
  else level=armv8-a
  fi ;;
*) echo "llama.sh: no level is known for $(uname -m)" >&2; exit 1 ;;
esac
[ "$1" != --key ] || { echo "$level"; exit 0; }

archive=$1 out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $level in
x86-64-v4-vnni) set -- -DGGML_AVX512=ON -DGGML_AVX512_VBMI=ON -DGGML_AVX512_VNNI=ON ;;
x86-64-v3) set -- ;;
x86-64-v2) set -- -DGGML_AVX=OFF -DGGML_AVX2=OFF -DGGML_FMA=OFF -DGGML_F16C=OFF -DGGML_BMI2=OFF ;;
arm*) set -- -DGGML_CPU_ARM_ARCH="$level" ;;
esac

tar -xzf "$archive" -C "$work" package/llama/gitRelease.bundle
git clone -q --no-checkout "$work/package/llama/gitRelease.bundle" "$work/source"
git -C "$work/source" checkout -q HEAD -- CMakeLists.txt LICENSE cmake include src ggml vendor
version=$(git -C "$work/source" rev-parse --short=12 HEAD)
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
  -DCMAKE_C_FLAGS="-ffunction-sections -fdata-sections -fPIE -ffile-prefix-map=$work=." \
  -DCMAKE_CXX_FLAGS="-ffunction-sections -fdata-sections -fPIE -ffile-prefix-map=$work=." \
  -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
  -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_SUBPROCESS=OFF \
  -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_CCACHE=OFF -DGGML_BACKEND_DL=OFF "$@" >"$work/configure.log" 2>&1 ||
  { tail -n 30 "$work/configure.log" >&2; exit 1; }
cmake --build "$work/build" --target llama

mkdir -p "$out/include" "$out/lib"
cp "$work/source"/include/llama.h "$work/source"/ggml/include/*.h "$out/include/"
find "$work/build" -name '*.a' -exec cp {} "$out/lib/" \;
cp "$work/source/LICENSE" "$out/LICENSE"
printf '#define LLAMA_CPU_LEVEL "%s"\n#define LLAMA_SOURCE "%s"\n' "$level" "$version" >"$out/include/llama-build.h"
