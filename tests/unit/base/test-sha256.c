/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/sha256.h"

#include "harness/tap.h"

static void expect_hash(const char *text, const char *wanted)
{
	uint8_t hash[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];

	sha256_of(text, strlen(text), hash);
	sha256_hex(hash, hex);
	EXPECT_STR(hex, wanted);
}

/* FIPS 180-4 examples */
TEST(known_answers_are_met)
{
	expect_hash("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_hash("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(a_copied_state_goes_on_by_itself)
{
	struct sha256 one, two;
	uint8_t a[SHA256_BYTES], b[SHA256_BYTES], wanted[SHA256_BYTES];

	sha256_init(&one);
	sha256_add(&one, "ab", 2);
	two = one;
	sha256_add(&one, "x", 1);
	sha256_add(&two, "c", 1);
	sha256_end(&one, a);
	sha256_end(&two, b);
	sha256_of("abc", 3, wanted);
	EXPECT_INT(memcmp(b, wanted, sizeof(b)), ==, 0);
	EXPECT_INT(memcmp(a, wanted, sizeof(a)), !=, 0);
}

TEST(only_what_it_writes_itself_is_read_back)
{
	static const char *const others[] = {
		"", "e3b0", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
		"g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8550"
	};
	uint8_t hash[SHA256_BYTES], back[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];

	sha256_of("abc", 3, hash);
	sha256_hex(hash, hex);
	EXPECT_INT(sha256_parse(hex, back), ==, true);
	EXPECT_INT(memcmp(hash, back, sizeof(back)), ==, 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		EXPECT_INT(sha256_parse(others[i], back), ==, false);
}
