/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/sha256.h"

#include "base/number.h"

#include <assert.h>
#include <string.h>
#define OPENSSL_SUPPRESS_DEPRECATED /* the low-level form is the point, see the header */
#include <openssl/sha.h>

static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "the state holds OpenSSL's");
static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct sha256), "and is aligned for it");

static SHA256_CTX *context(struct sha256 *hash)
{
	return (SHA256_CTX *)hash->state;
}

void sha256_init(struct sha256 *hash)
{
	int ok = SHA256_Init(context(hash));

	assert(ok == 1);
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t length)
{
	int ok = SHA256_Update(context(hash), bytes, length);

	assert(ok == 1);
}

void sha256_end(struct sha256 *hash, uint8_t ret[SHA256_BYTES])
{
	int ok = SHA256_Final(ret, context(hash));

	assert(ok == 1);
}

void sha256_of(const void *bytes, size_t length, uint8_t ret[SHA256_BYTES])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, bytes, length);
	sha256_end(&hash, ret);
}

void sha256_hex(const uint8_t hash[SHA256_BYTES], char ret[SHA256_HEX_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_BYTES; i++) {
		ret[2 * i] = digits[hash[i] >> 4];
		ret[2 * i + 1] = digits[hash[i] & 15];
	}
	ret[SHA256_HEX_BYTES - 1] = '\0';
}

bool sha256_parse(const char *hex, uint8_t ret[SHA256_BYTES])
{
	char again[SHA256_HEX_BYTES];

	if (strlen(hex) != SHA256_HEX_BYTES - 1)
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		int high = number_hex_digit(hex[2 * i]), low = number_hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	sha256_hex(ret, again);
	return strcmp(hex, again) == 0; /* one way to write it */
}
