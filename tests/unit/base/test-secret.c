/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/secret.h"

#include "base/dir.h"

#include "harness/tap.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_text(const char *text, size_t length, const char *prefix, struct secret **ret)
{
	auto_fd int fd = dir_sealed_memfd("secret", text, length);
	struct error err = { 0 };

	EXPECT_INT(fd, >=, 0);
	return secret_read(fd, prefix, ret, &err);
}

TEST(a_secret_is_one_line_behind_its_prefix)
{
	struct secret *secret = NULL;

	EXPECT_INT(read_text("sk-abc\n", 7, "Authorization: Bearer ", &secret), ==, 0);
	EXPECT_STR(secret_expose(secret), "Authorization: Bearer sk-abc");
	secret_free(secret);
	EXPECT_INT(read_text("sk-abc", 6, NULL, &secret), ==, 0);
	EXPECT_STR(secret_expose(secret), "sk-abc");
	secret_free(secret);
}

TEST(what_is_no_plain_line_is_refused)
{
	static const char *const bad[] = { "",      "\n",   "a b",      "a\nb",
					   "a\r\n", "a\tb", "\xC3\xA9", "a\n\n" };
	struct secret *secret = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_INT(read_text(bad[i], strlen(bad[i]), NULL, &secret), ==, -EINVAL);
	EXPECT_INT(read_text("a\0b", 3, NULL, &secret), ==, -EINVAL);
}

TEST(a_secret_over_the_limit_is_refused_and_the_limit_itself_is_not)
{
	char text[SECRET_BYTES_MAX + 1];
	struct secret *secret = NULL;

	memset(text, 'x', sizeof(text));
	EXPECT_INT(read_text(text, SECRET_BYTES_MAX + 1, NULL, &secret), ==, -EMSGSIZE);
	EXPECT_INT(read_text(text, SECRET_BYTES_MAX, NULL, &secret), ==, 0);
	secret_free(secret);
}

static unsigned long long hex(char *text, char **ret_end)
{
	static const char digits[] = "0123456789abcdef";
	unsigned long long value = 0;
	const char *at;

	while (*text && (at = strchr(digits, *text))) {
		value = value << 4 | (unsigned long long)(at - digits);
		text++;
	}
	*ret_end = text;
	return value;
}

/* VmFlags of the mapping that holds the address, as the kernel tells them. */
static void flags_of(const void *address, char ret[static 200])
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[500];
	bool inside = false;

	ret[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		char *end = NULL;
		unsigned long long low = hex(line, &end), high;

		if (*end == '-') {
			high = hex(end + 1, &end);
			inside = (unsigned long long)(uintptr_t)address >= low &&
				 (unsigned long long)(uintptr_t)address < high;
		}
		if (inside && strncmp(line, "VmFlags:", 8) == 0)
			(void)snprintf(ret, 200, "%.199s", line);
	}
	if (file)
		(void)fclose(file);
}

TEST(its_pages_are_locked_undumped_and_wiped_in_a_child)
{
	struct secret *secret = NULL;
	char flags[200];

#ifdef __SANITIZE_ADDRESS__
	SKIP("mlock, which AddressSanitizer turns into nothing");
#endif
	EXPECT_INT(read_text("k", 1, NULL, &secret), ==, 0);
	flags_of(secret_expose(secret), flags);
	EXPECT_INT(strstr(flags, " lo") != NULL, ==, 1);
	EXPECT_INT(strstr(flags, " dd") != NULL, ==, 1);
	EXPECT_INT(strstr(flags, " wf") != NULL, ==, 1);
	secret_free(secret);
}
