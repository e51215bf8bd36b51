/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/label-set.h"

#include "harness/tap.h"

#include <stdio.h>

static struct label_set set;

static void expect_set(const char *wanted)
{
	auto_buf struct buf text = BUF(4096);

	EXPECT_INT(label_set_write(&set, &text), ==, 0);
	EXPECT_STR(buf_string(&text), wanted);
}

static void add_numbered(const char *prefix, int n)
{
	for (int i = 0; i < n; i++) {
		char name[LABEL_BYTES + 1];

		(void)snprintf(name, sizeof(name), "%s%02d", prefix, i); /* fits */
		label_set_add(&set, name, strlen(name));
	}
}

TEST(a_set_is_sorted_and_has_each_label_once)
{
	expect_set("[]");
	label_set_add_text(&set, NULL);
	label_set_add_text(&set, "[\"b\",\"a\",\"b\"]");
	label_set_add_text(&set, "[\"aa\",\"a\"]");
	expect_set("[\"a\",\"aa\",\"b\"]");
}

TEST(a_label_that_is_none_stands_for_every_label)
{
	label_set_add_text(&set, "[\"a\"]");
	label_set_add(&set, "No Label", 8);
	expect_set("[\"any\"]");
	label_set_add_text(&set, "[\"a\"]");
	expect_set("[\"any\"]");
}

TEST(a_label_with_a_nul_in_it_is_none)
{
	label_set_add(&set, "a\0b", 3);
	expect_set("[\"any\"]");
}

TEST(a_label_of_more_than_64_bytes_is_none)
{
	char name[LABEL_BYTES + 1];

	memset(name, 'a', sizeof(name));
	label_set_add(&set, name, LABEL_BYTES);
	EXPECT_INT(set.n, ==, 1);
	EXPECT_INT(strlen(set.names[0]), ==, LABEL_BYTES);
	label_set_add(&set, name, LABEL_BYTES + 1);
	expect_set("[\"any\"]");
}

TEST(more_hosts_than_fit_become_web_and_other_labels_stay)
{
	label_set_add_text(&set, "[\"zoo\",\"a\"]");
	add_numbered("web:", LABELS_MAX - 2);
	EXPECT_INT(set.n, ==, LABELS_MAX);
	label_set_add_text(&set, "[\"web:one-more\"]");
	expect_set("[\"a\",\"web\",\"zoo\"]");
}

TEST(more_labels_than_fit_become_any)
{
	add_numbered("l", LABELS_MAX);
	EXPECT_INT(set.n, ==, LABELS_MAX);
	label_set_add_text(&set, "[\"l00\"]");
	EXPECT_INT(set.n, ==, LABELS_MAX);
	label_set_add_text(&set, "[\"web:x\"]");
	expect_set("[\"any\"]");
}

TEST(a_url_gives_the_label_of_its_host)
{
	static const char *const cases[][2] = {
		{ "https://Example.COM/path?x", "[\"web:example.com\"]" },
		{ "http://example.com:8080", "[\"web:example.com\"]" },
		{ "https://example.com./", "[\"web:example.com\"]" },
		{ "http://[2001:DB8::1]:80/", "[\"web:2001:db8::1\"]" },
		{ "https://192.0.2.1#x", "[\"web:192.0.2.1\"]" },
		{ "https://b\xc3\xbc"
		  "cher.example/",
		  "[\"web\"]" },
		{ "https:///x", "[\"web\"]" },
		{ "no url", "[\"web\"]" },
		{ "https://"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/",
		  "[\"web\"]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set.n = 0;
		label_set_add_url(&set, cases[i][0]);
		expect_set(cases[i][1]);
	}
}

TEST(json_of_clawfsd_is_read_and_written)
{
	sd_json_variant *array = NULL, *back = NULL;

	EXPECT_INT(sd_json_parse("[\"b\",\"a\"]", 0, &array, NULL, NULL), >=, 0);
	label_set_add_json(&set, array);
	label_set_add_json(&set, NULL);
	expect_set("[\"a\",\"b\"]");
	EXPECT_INT(label_set_to_json(&set, &back), >=, 0);
	EXPECT_INT(sd_json_variant_elements(back), ==, 2);
	EXPECT_STR(sd_json_variant_string(sd_json_variant_by_index(back, 0)), "a");
	sd_json_variant_unref(array);
	sd_json_variant_unref(back);
	EXPECT_INT(sd_json_parse("[1]", 0, &array, NULL, NULL), >=, 0);
	label_set_add_json(&set, array);
	expect_set("[\"any\"]");
	sd_json_variant_unref(array);
}
