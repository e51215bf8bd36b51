/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/url-join.h"

#include "harness/tap.h"

enum { URL_BYTES = 256 };

TEST(a_location_is_read_on_its_page)
{
	static const char *const cases[][3] = {
		{ "https://a.example/b/c?q#f", "https://other.example/x",
		  "https://other.example/x" },
		{ "https://a.example/b/c", "//b.example/x", "https://b.example/x" },
		{ "https://a.example/b/c?q", "/x?y", "https://a.example/x?y" },
		{ "https://a.example/b/c?q", "x", "https://a.example/b/x" },
		{ "https://a.example/b/", "x", "https://a.example/b/x" },
		{ "https://a.example/b/c", "../x", "https://a.example/b/../x" },
		{ "https://a.example", "x", "https://a.example/x" },
		{ "https://a.example?q", "/x", "https://a.example/x" },
		{ "https://a.example/b?q#f", "?y", "https://a.example/b?y" },
		{ "https://a.example/b?q#f", "#g", "https://a.example/b?q#g" },
		{ "https://a.example/b?q", "", "https://a.example/b?q" },
		{ "https://a.example/b", "c:d", "c:d" },
		{ "https://a.example/b", "1:d", "https://a.example/1:d" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_buf struct buf out = BUF(URL_BYTES);

		EXPECT_INT(url_join(cases[i][0], cases[i][1], &out), ==, 0);
		EXPECT_STR(buf_string(&out), cases[i][2]);
	}
}

TEST(an_origin_is_scheme_host_and_port)
{
	EXPECT_INT(url_is_same_origin("https://a.example/x", "HTTPS://A.example?y"), ==, true);
	EXPECT_INT(url_is_same_origin("https://a.example/x", "http://a.example/x"), ==, false);
	EXPECT_INT(url_is_same_origin("https://a.example/x", "https://a.example:8443/x"), ==,
		   false);
	EXPECT_INT(url_is_same_origin("https://a.example/x", "https://a.example.org/x"), ==, false);
	EXPECT_INT(url_is_same_origin("https://a.example@b.example/", "https://a.example/"), ==,
		   false);
	EXPECT_INT(url_is_same_origin("x", "x"), ==, false);
}
