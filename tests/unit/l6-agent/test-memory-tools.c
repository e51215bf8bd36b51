/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/memory-tools.h"

#include "base/dir.h"
#include "harness/tap.h"

static const struct memory_intent intent = {
	.author = "tool:17",
	.date = "2026-11-24",
	.time = "10:31",
};

/* The parameters of the call a tool makes, as text in out. */
static struct memory_call make(const char *tool, const char *arguments, struct buf *out)
{
	struct memory_call call = { 0 };
	struct error err = { 0 };
	char *text = NULL;

	EXPECT_OK(memory_call_make(tool, arguments, &intent, &call, &err), &err);
	EXPECT_OK(sd_json_variant_format(call.parameters, 0, &text), &err);
	EXPECT_INT(buf_add_string(out, text), ==, 0);
	free(text);
	return call;
}

static void expect_call(const char *tool, const char *arguments, const char *method,
			const char *parameters)
{
	auto_buf struct buf text = BUF(65536);
	struct memory_call call = make(tool, arguments, &text);

	EXPECT_STR(call.method, method);
	EXPECT_STR(buf_string(&text), parameters);
	EXPECT_INT(call.content_fd, ==, -1);
	memory_call_free(&call);
}

TEST(a_write_appends_to_the_lasting_memory_unless_told_otherwise)
{
	expect_call("memory_write", "{\"content\":\"likes tea\"}", "io.clawos.Fs.Write",
		    "{\"path\":\"MEMORY.md\",\"text\":\"likes tea\",\"length\":9,\"append\":true,"
		    "\"labels\":[],\"author\":\"tool:17\"}");
	expect_call("memory_write",
		    "{\"content\":\"x\",\"target\":\"/projects/a.md\",\"append\":false}",
		    "io.clawos.Fs.Write",
		    "{\"path\":\"projects/a.md\",\"text\":\"x\",\"length\":1,\"append\":false,"
		    "\"labels\":[],\"author\":\"tool:17\"}");
	expect_call("memory_write", "{\"content\":\"x\",\"target\":\"heartbeat\"}",
		    "io.clawos.Fs.Write",
		    "{\"path\":\"HEARTBEAT.md\",\"text\":\"x\",\"length\":1,\"append\":true,"
		    "\"labels\":[],\"author\":\"tool:17\"}");
}

TEST(the_daily_log_gets_the_time_and_date_of_the_intent)
{
	expect_call(
		"memory_write", "{\"content\":\"met Ann\",\"target\":\"daily_log\"}",
		"io.clawos.Fs.Log",
		"{\"date\":\"2026-11-24\",\"text\":\"- 10:31 met Ann\",\"author\":\"tool:17\"}");
}

TEST(the_reading_tools_have_their_defaults)
{
	expect_call("memory_search", "{\"query\":\"tea\"}", "io.clawos.Fs.Search",
		    "{\"query\":\"tea\",\"limit\":5,\"labels\":[]}");
	expect_call("memory_search", "{\"query\":\"tea\",\"limit\":20}", "io.clawos.Fs.Search",
		    "{\"query\":\"tea\",\"limit\":20,\"labels\":[]}");
	expect_call("memory_read", "{\"path\":\"/MEMORY.md\"}", "io.clawos.Fs.Read",
		    "{\"path\":\"MEMORY.md\"}");
	expect_call("memory_tree", "{}", "io.clawos.Fs.List", "{\"path\":\"\",\"depth\":1}");
	expect_call("memory_tree", "{\"path\":\"daily\",\"depth\":3}", "io.clawos.Fs.List",
		    "{\"path\":\"daily\",\"depth\":3}");
}

/* {"content": n times 'a', "target": target} */
static void long_arguments(struct buf *out, size_t n, const char *target)
{
	EXPECT_INT(buf_add_string(out, "{\"content\":\""), ==, 0);
	for (size_t i = 0; i < n; i++)
		EXPECT_INT(buf_add_char(out, 'a'), ==, 0);
	EXPECT_INT(buf_printf(out, "\",\"target\":\"%s\"}", target), ==, 0);
}

TEST(long_content_goes_beside_the_message)
{
	auto_buf struct buf arguments = BUF(65536), parameters = BUF(65536), content = BUF(65536);
	struct memory_call call;

	long_arguments(&arguments, 5000, "memory");
	call = make("memory_write", arguments.data, &parameters);
	EXPECT_STR(parameters.data,
		   "{\"path\":\"MEMORY.md\",\"contentFd\":0,\"length\":5000,\"append\":true,"
		   "\"labels\":[],\"author\":\"tool:17\"}");
	EXPECT_INT(dir_read_fd(call.content_fd, &content), ==, 0);
	EXPECT_INT(content.length, ==, 5000);
	EXPECT_INT(write(call.content_fd, "b", 1), <, 0);
	memory_call_free(&call);
}

TEST(a_long_log_line_goes_beside_the_message_too)
{
	auto_buf struct buf arguments = BUF(65536), parameters = BUF(65536);
	struct memory_call call;

	long_arguments(&arguments, 5000, "daily_log");
	call = make("memory_write", arguments.data, &parameters);
	EXPECT_STR(parameters.data,
		   "{\"path\":\"daily/2026-11-24.md\",\"contentFd\":0,\"length\":5009,"
		   "\"append\":true,\"labels\":[],\"author\":\"tool:17\"}");
	EXPECT_INT(call.content_fd, >=, 0);
	memory_call_free(&call);
}

TEST(an_answered_question_goes_along)
{
	struct memory_intent answered = intent;
	struct memory_call call = { 0 };
	struct error err = { 0 };

	answered.question = 7;
	EXPECT_OK(memory_call_make("memory_write", "{\"content\":\"x\",\"target\":\"USER.md\"}",
				   &answered, &call, &err),
		  &err);
	EXPECT_INT(sd_json_variant_integer(sd_json_variant_by_key(call.parameters, "question")), ==,
		   7);
	memory_call_free(&call);
}

TEST(what_is_no_memory_call_is_refused)
{
	struct memory_call call = { 0 };
	struct error err = { 0 };

	EXPECT_INT(memory_call_make("memory_write", "{}", &intent, &call, &err), ==, -EINVAL);
	EXPECT_INT(memory_call_make("memory_read", "[1]", &intent, &call, &err), ==, -EINVAL);
	EXPECT_INT(memory_call_make("memory_read", "{", &intent, &call, &err), ==, -EINVAL);
	EXPECT_INT(memory_call_make("shell", "{}", &intent, &call, &err), ==, -EINVAL);
}

static sd_json_variant *json(const char *text)
{
	sd_json_variant *value = NULL;

	EXPECT_INT(sd_json_parse(text, 0, &value, NULL, NULL), >=, 0);
	return value;
}

static struct memory_result result;

static void expect_labels(const struct label_set *set, const char *wanted)
{
	auto_buf struct buf text = BUF(4096);

	EXPECT_INT(label_set_write(set, &text), ==, 0);
	EXPECT_STR(buf_string(&text), wanted);
}

static void expect_reply(enum memory_verb verb, const char *error_id, const char *reply, int fd,
			 enum memory_outcome wanted, const char *wanted_text)
{
	auto_buf struct buf text = BUF(65536);
	const struct memory_call call = { .verb = verb };
	sd_json_variant *value = json(reply);
	struct error err = { 0 };

	memset(&result, 0, sizeof(result));
	EXPECT_OK(memory_reply_format(&call, error_id, value, fd, &text, &result, &err), &err);
	EXPECT_INT(result.outcome, ==, wanted);
	EXPECT_STR(buf_string(&text), wanted_text);
	EXPECT_INT(result.question, ==, wanted == MEMORY_ASK ? 3 : 0);
	sd_json_variant_unref(value);
}

TEST(replies_become_short_text)
{
	int fd = dir_sealed_memfd("content", "tea\n", 4);

	expect_reply(MEMORY_SEARCH, NULL,
		     "{\"hits\":[{\"path\":\"a.md\",\"version\":2,\"labels\":[\"web\"],"
		     "\"text\":\"tea\"},{\"path\":\"b.md\",\"version\":1,\"labels\":[],"
		     "\"text\":\"more tea\"}]}",
		     -1, MEMORY_DONE,
		     "[1] a.md, version 2, labels web\ntea\n\n[2] b.md, version 1\nmore tea");
	expect_labels(&result.labels, "[\"web\"]");
	expect_reply(MEMORY_SEARCH, NULL, "{\"hits\":[]}", -1, MEMORY_DONE,
		     "Nothing in memory matches. memory_tree lists what there is.");
	expect_reply(MEMORY_READ, NULL,
		     "{\"document\":{\"path\":\"a.md\",\"version\":2,\"bytes\":4,\"labels\":[]}}",
		     fd, MEMORY_DONE, "a.md, version 2, 4 bytes:\ntea\n");
	expect_reply(MEMORY_TREE, NULL,
		     "{\"documents\":[{\"path\":\"a.md\",\"bytes\":4,\"labels\":[]},"
		     "{\"path\":\"daily/\",\"bytes\":90,\"labels\":[]}]}",
		     -1, MEMORY_DONE, "a.md (4 bytes)\ndaily/ (90 bytes)");
	expect_reply(MEMORY_WRITE, NULL,
		     "{\"document\":{\"path\":\"a.md\",\"version\":2,\"bytes\":4,\"labels\":[]}}",
		     -1, MEMORY_DONE, "Saved a.md, version 2, 4 bytes");
	close(fd);
}

TEST(a_result_carries_the_labels_of_all_records_it_shows)
{
	int fd = dir_sealed_memfd("content", "x\n", 2);

	expect_reply(MEMORY_TREE, NULL,
		     "{\"documents\":[{\"path\":\"a.md\",\"bytes\":1,\"labels\":[\"b\",\"a\"]},"
		     "{\"path\":\"c.md\",\"bytes\":2,\"labels\":[\"c\",\"a\"]}]}",
		     -1, MEMORY_DONE, "a.md (1 bytes, labels b a)\nc.md (2 bytes, labels c a)");
	expect_labels(&result.labels, "[\"a\",\"b\",\"c\"]");
	expect_reply(MEMORY_READ, NULL,
		     "{\"document\":{\"path\":\"a\",\"version\":1,\"bytes\":2,\"labels\":[\"z\"]}}",
		     fd, MEMORY_DONE, "a, version 1, 2 bytes, labels z:\nx\n");
	expect_labels(&result.labels, "[\"z\"]");
	expect_reply(MEMORY_WRITE, NULL,
		     "{\"document\":{\"path\":\"a\",\"version\":1,\"bytes\":2,\"labels\":[\"z\"]}}",
		     -1, MEMORY_DONE, "Saved a, version 1, 2 bytes, labels z");
	expect_labels(&result.labels, "[]"); /* nothing of the document is shown */
	close(fd);
}

TEST(what_is_written_carries_the_labels_it_is_given)
{
	struct label_set labels = { 0 };
	struct memory_intent labelled = intent;
	struct memory_call call = { 0 };
	struct error err = { 0 };
	char *text = NULL;

	label_set_add_text(&labels, "[\"web:x\",\"a\"]");
	labelled.labels = &labels;
	EXPECT_OK(memory_call_make("memory_write", "{\"content\":\"x\",\"target\":\"n.md\"}",
				   &labelled, &call, &err),
		  &err);
	EXPECT_OK(sd_json_variant_format(call.parameters, 0, &text), &err);
	EXPECT_STR(text, "{\"path\":\"n.md\",\"text\":\"x\",\"length\":1,\"append\":true,"
			 "\"labels\":[\"a\",\"web:x\"],\"author\":\"tool:17\"}");
	free(text);
	memory_call_free(&call);
	EXPECT_OK(memory_call_make("memory_write", "{\"content\":\"x\",\"target\":\"daily_log\"}",
				   &labelled, &call, &err),
		  &err);
	EXPECT_STR(call.method, "io.clawos.Fs.Write");
	EXPECT_OK(sd_json_variant_format(call.parameters, 0, &text), &err);
	EXPECT_STR(text, "{\"path\":\"daily/2026-11-24.md\",\"text\":\"- 10:31 x\\n\","
			 "\"length\":10,\"append\":true,\"labels\":[\"a\",\"web:x\"],"
			 "\"author\":\"tool:17\"}");
	free(text);
	memory_call_free(&call);
}

TEST(errors_say_what_to_do_and_a_question_is_no_error)
{
	expect_reply(MEMORY_READ, "io.clawos.Fs.NotFound", "{\"path\":\"x.md\"}", -1, MEMORY_FAILED,
		     "There is no \"x.md\" in memory; memory_tree lists what there is.");
	expect_reply(MEMORY_WRITE, "io.clawos.Fs.QuotaExceeded",
		     "{\"limit\":\"fs.document_bytes\",\"value\":9}", -1, MEMORY_FAILED,
		     "The limit fs.document_bytes (9) is reached; nothing was changed.");
	expect_reply(MEMORY_WRITE, "io.systemd.Disconnected", "{}", -1, MEMORY_FAILED,
		     "Memory does not answer (Disconnected); nothing is known about the call.");
	expect_reply(MEMORY_WRITE, "io.clawos.Fs.ApprovalNeeded",
		     "{\"question\":3,\"action\":\"replace USER.md\"}", -1, MEMORY_ASK,
		     "replace USER.md");
}

TEST(a_reply_that_does_not_fit_is_an_error)
{
	auto_buf struct buf text = BUF(8);
	const struct memory_call call = { .verb = MEMORY_SEARCH };
	sd_json_variant *value = json("{\"hits\":[]}");
	struct error err = { 0 };

	EXPECT_INT(memory_reply_format(&call, NULL, value, -1, &text, &result, &err), ==,
		   -EMSGSIZE);
	sd_json_variant_unref(value);
}

static struct label_set recalled;

static void expect_recalled(const char *reply, const char *wanted)
{
	auto_buf struct buf block = BUF(65536);
	sd_json_variant *value = json(reply);
	struct error err = { 0 };

	recalled = (struct label_set){ 0 };
	EXPECT_OK(memory_recall_format(value, &block, &recalled, &err), &err);
	EXPECT_STR(buf_string(&block), wanted);
	sd_json_variant_unref(value);
}

TEST(what_is_recalled_is_good_enough_and_not_in_the_prompt_already)
{
	expect_recalled("{\"hits\":[{\"path\":\"a.md\",\"score\":0.9,\"text\":\"tea\"},"
			"{\"path\":\"USER.md\",\"score\":0.9,\"text\":\"tea\"},"
			"{\"path\":\"MEMORY.md\",\"score\":0.9,\"offset\":20,\"text\":\"tea\"},"
			"{\"path\":\"MEMORY.md\",\"score\":0.9,\"offset\":9000,\"text\":\"far\"},"
			"{\"path\":\"b.md\",\"score\":0.1,\"text\":\"tea\"}]}",
			"a.md: tea\nMEMORY.md: far");
	expect_recalled("{\"hits\":[{\"path\":\"a.md\",\"score\":0.9,\"text\":\"tea\",\"labels\":"
			"[\"web:x\"]},{\"path\":\"b.md\",\"score\":0.1,\"text\":\"tea\",\"labels\":"
			"[\"not-shown\"]}]}",
			"a.md: tea");
	expect_labels(&recalled, "[\"web:x\"]");
	expect_recalled("{\"hits\":[]}", "");
	expect_recalled("{\"hits\":[{\"path\":\"b.md\",\"score\":0.24,\"text\":\"tea\"}]}", "");
}

TEST(what_is_recalled_stays_small)
{
	auto_buf struct buf reply = BUF(65536), block = BUF(65536);
	struct error err = { 0 };
	sd_json_variant *value;

	EXPECT_INT(buf_add_string(&reply, "{\"hits\":["), ==, 0);
	for (int i = 0; i < 5; i++) {
		EXPECT_INT(buf_printf(&reply, "%s{\"path\":\"%d.md\",\"score\":0.9,\"text\":\"",
				      i ? "," : "", i),
			   ==, 0);
		for (int j = 0; j < 250; j++)
			EXPECT_INT(buf_add_string(&reply, "\xc3\xa4"), ==, 0);
		EXPECT_INT(buf_add_string(&reply, "\"}"), ==, 0);
	}
	EXPECT_INT(buf_add_string(&reply, "]}"), ==, 0);
	value = json(reply.data);
	EXPECT_OK(memory_recall_format(value, &block, &recalled, &err), &err);
	EXPECT_INT(block.length, <=, MEMORY_RECALL_BYTES);
	EXPECT_INT(block.length, >, MEMORY_RECALL_BYTES / 2);
	sd_json_variant_unref(value);
}

TEST(a_long_message_is_cut_between_characters)
{
	static char message[9001];
	struct memory_call call = { 0 };
	struct error err = { 0 };
	size_t length;

	message[0] = 'a';
	for (size_t i = 1; i + 1 < sizeof(message); i += 2)
		memcpy(message + i, "\xc3\xa4", 2);
	EXPECT_OK(memory_recall_make(message, &call, &err), &err);
	length = strlen(sd_json_variant_string(sd_json_variant_by_key(call.parameters, "query")));
	EXPECT_INT(length, ==, 4095);
	memory_call_free(&call);
}
