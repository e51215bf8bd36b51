/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/labels.h"

#include "base/cleanup.h"
#include "harness/tap.h"

TEST(a_set_is_sorted_and_has_nothing_twice)
{
	static const char *const labels[] = { "web", "host:example.org", "web", "a" };
	auto_free char *set = NULL;
	struct error err = { 0 };

	EXPECT_OK(labels_make(labels, 4, &set, &err), &err);
	EXPECT_STR(set, "[\"a\",\"host:example.org\",\"web\"]");
}

TEST(no_labels_are_an_empty_array)
{
	auto_free char *set = NULL;

	EXPECT_INT(labels_make(NULL, 0, &set, NULL), ==, 0);
	EXPECT_STR(set, "[]");
}

TEST(a_label_that_could_leave_its_quotes_is_refused)
{
	static const char *const bad[] = { "a\"b", "A", "", "a b", "\xc3\xa4", "a,b", "a\n" };
	char *set = NULL, long_label[LABEL_BYTES + 2];
	const char *const too_long[] = { long_label };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_INT(labels_make(&bad[i], 1, &set, NULL), ==, -EINVAL);
	memset(long_label, 'a', sizeof(long_label));
	long_label[LABEL_BYTES + 1] = '\0';
	EXPECT_INT(labels_make(too_long, 1, &set, NULL), ==, -EINVAL);
	EXPECT_INT(set == NULL, ==, 1);
}

TEST(a_union_keeps_both_sides)
{
	auto_free char *set = NULL;
	struct error err = { 0 };

	EXPECT_OK(labels_merge("[\"b\",\"c\"]", "[\"a\",\"c\"]", &set, &err), &err);
	EXPECT_STR(set, "[\"a\",\"b\",\"c\"]");
}

TEST(a_union_that_is_too_large_is_refused_instead_of_losing_labels)
{
	auto_free char *few = NULL, *many = NULL;
	const char *labels[LABELS_MAX] = { "l0", "l1", "l2",  "l3",  "l4",  "l5",  "l6",  "l7",
					   "l8", "l9", "l10", "l11", "l12", "l13", "l14", "l15" };
	char *set = NULL;

	EXPECT_INT(labels_make(labels, LABELS_MAX, &many, NULL), ==, 0);
	EXPECT_INT(labels_make(labels, 2, &few, NULL), ==, 0);
	EXPECT_INT(labels_merge(many, "[\"other\"]", &set, NULL), ==, -EINVAL);
	EXPECT_INT(labels_merge(many, few, &set, NULL), ==, 0);
	EXPECT_STR(set, many);
	free(set);
}
