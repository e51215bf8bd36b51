/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/http-text.h"

#include "harness/tap.h"
#include "l6-agent/html-text.h"

static void show(const char *type, const char *body, size_t length, struct buf *out)
{
	const struct http_answer answer = {
		.status = 200, .content_type = type, .body = body, .length = length
	};
	struct html_text *page = NULL;
	struct error err = { 0 };
	bool cut;

	EXPECT_OK(http_text(&answer, out, &page, &err), &err);
	while (page && html_text_step(page, 1, &cut) == 1)
		;
	html_text_close(page);
}

TEST(a_page_is_shown_as_its_text)
{
	auto_buf struct buf out = BUF(1000);

	show("text/html", "<h1>A</h1><script>x</script><p>b", 32, &out);
	EXPECT_STR(buf_string(&out), "HTTP 200 text/html, 32 bytes\n(shown as text)\n\n# A\n\nb");
}

TEST(other_text_stays_as_it_is)
{
	auto_buf struct buf out = BUF(1000);

	show("application/json", "{\"a\":\"<b>\"}", 11, &out);
	EXPECT_STR(buf_string(&out), "HTTP 200 application/json, 11 bytes\n\n{\"a\":\"<b>\"}");
}

TEST(bytes_that_are_no_text_are_named)
{
	auto_buf struct buf out = BUF(1000);

	show("image/png", "\x89PNG\0\0", 6, &out);
	EXPECT_STR(buf_string(&out),
		   "HTTP 200 image/png, 6 bytes\n\n[the body is no text and is not shown]");
}
