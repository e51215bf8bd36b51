/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "harness/prompt.h"

#include "base/sha256.h"
#include "harness/tap.h"

#include <stdlib.h>
#include <unistd.h>
#include <yyjson.h>

struct conversation *prompt_open(const struct model_format *format,
				 const struct conversation_options *options)
{
	struct conversation *conversation = NULL;
	struct error err = { 0 };

	EXPECT_OK(format->open(options, &conversation, &err), &err);
	return conversation;
}

char *prompt_body(const struct model_format *format, struct conversation *conversation,
		  unsigned flags)
{
	struct prompt prompt = { 0 };
	struct error err = { 0 };
	uint8_t hash[SHA256_BYTES];
	yyjson_doc *doc;
	char *body;

	EXPECT_OK(format->prompt(conversation, flags, &prompt, &err), &err);
	body = calloc(1, prompt.length + 1);
	EXPECT_INT(pread(prompt.fd, body, prompt.length, (off_t)prompt.offset), ==, prompt.length);
	sha256_of(body, prompt.length, hash);
	EXPECT_INT(memcmp(hash, prompt.hash, sizeof(hash)), ==, 0);
	doc = yyjson_read(body, prompt.length, 0);
	EXPECT_INT(doc != NULL, ==, 1);
	yyjson_doc_free(doc);
	return body;
}
