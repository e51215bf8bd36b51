/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sha256 - SHA-256 of bytes as they come. A state is a plain value: assigning it copies it.
 *
 * OpenSSL's compression function, linked static and without its provider machinery: a daemon that
 * only hashes pays neither the library's memory nor its start-up.
 *
 * Source     FIPS 180-4.
 */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_HEX_BYTES = 65 };

struct sha256 {
	uint64_t state[14]; /* opaque */
};

void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t length);
/* The hash of everything added; the state is used up. */
void sha256_end(struct sha256 *hash, uint8_t ret[SHA256_BYTES]);

/* The three steps in one. */
void sha256_of(const void *bytes, size_t length, uint8_t ret[SHA256_BYTES]);

/* Lower-case hexadecimal with a NUL. */
void sha256_hex(const uint8_t hash[SHA256_BYTES], char ret[SHA256_HEX_BYTES]);
/* The reverse. False when hex is anything else; ret is then of no use. */
bool sha256_parse(const char *hex, uint8_t ret[SHA256_BYTES]);
