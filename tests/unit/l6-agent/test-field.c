/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "harness/tap.h"
#include "l6-agent/field.h"

static sd_json_variant *object_of(const char *text)
{
	sd_json_variant *object = NULL;

	EXPECT_INT(sd_json_parse(text, 0, &object, NULL, NULL), >=, 0);
	return object;
}

TEST(a_field_of_its_type_is_read)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *object =
		object_of("{\"s\":\"x\",\"n\":-3,\"big\":9223372036854775807,\"b\":true}");

	EXPECT_STR(field_text(object, "s", "none"), "x");
	EXPECT_INT(field_number(object, "n", 7), ==, -3);
	EXPECT_INT(field_number(object, "big", 7), ==, INT64_MAX);
	EXPECT_INT(field_flag(object, "b", false), ==, true);
}

TEST(what_is_absent_or_of_another_type_is_replaced)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *object =
		object_of("{\"s\":1,\"n\":\"3\",\"b\":null,\"big\":18446744073709551615}");

	EXPECT_STR(field_text(object, "s", "none"), "none");
	EXPECT_INT(field_text(object, "absent", NULL) == NULL, ==, 1);
	EXPECT_INT(field_number(object, "n", 7), ==, 7);
	EXPECT_INT(field_number(object, "big", 7), ==, 7);
	EXPECT_INT(field_flag(object, "b", true), ==, true);
	EXPECT_STR(field_text(NULL, "s", "none"), "none");
}
