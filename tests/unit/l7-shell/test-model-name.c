/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/model-name.h"

#include "harness/tap.h"

/* A head of a GGUF file, and its name; "" when it has none. */
#define HEADER \
	"GGUF\3\0\0\0" \
	"\0\0\0\0\0\0\0\0" \
	"\3\0\0\0\0\0\0\0"
#define LENGTH(n_) n_ "\0\0\0\0\0\0\0"
#define STRING "\10\0\0\0"
#define NAME LENGTH("\14") "general.name" STRING LENGTH("\7") "A Model"
#define BASE LENGTH("\20") "general.basename" STRING LENGTH("\4") "Qwen"
#define SIZE LENGTH("\22") "general.size_label" STRING LENGTH("\4") "1.5B"
#define COUNT \
	LENGTH("\1") \
	"n" \
	"\4\0\0\0" \
	"\1\2\3\4"
#define LIST \
	LENGTH("\1") \
	"l" \
	"\11\0\0\0"
#define NAME_OF(head_) name_of(head_, sizeof(head_) - 1)

static const char *name_of(const char *head, size_t length)
{
	static char text[256];
	auto_buf struct buf out = BUF(sizeof(text) - 1);
	int r = model_name_of_head(head, length, &out);

	EXPECT_INT(r, ==, out.length > 0);
	memcpy(text, buf_string(&out), out.length + 1);
	return text;
}

TEST(a_model_is_called_by_family_and_size)
{
	EXPECT_STR(NAME_OF(HEADER NAME COUNT BASE SIZE), "Qwen 1.5B");
}

TEST(a_model_without_them_has_its_own_name)
{
	EXPECT_STR(NAME_OF(HEADER COUNT NAME BASE), "A Model");
	EXPECT_STR(NAME_OF(HEADER NAME LIST BASE SIZE), "A Model");
}

TEST(a_head_cut_anywhere_gives_a_name_or_none)
{
	static const char head[] = HEADER COUNT NAME BASE SIZE;

	for (size_t n = 0; n < sizeof(head); n++)
		(void)name_of(head, n);
	EXPECT_STR(name_of(head, 20), "");
}

TEST(a_length_beyond_the_end_is_no_name)
{
	EXPECT_STR(NAME_OF(HEADER "\377\377\377\377\377\377\377\377general.name"), "");
	EXPECT_STR(NAME_OF(HEADER LENGTH("\14") "general.name" STRING
						"\377\377\377\377\377\377\377\177"
						"A"),
		   "");
	EXPECT_STR(NAME_OF("GGUX\3\0\0\0"), "");
}
