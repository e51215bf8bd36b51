/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/tape.h"

#include "base/dir.h"
#include "base/sha256.h"
#include "harness/tap.h"

#include <sys/mman.h>

static struct prompt prompt_of(const char *text)
{
	struct prompt prompt = { .length = strlen(text) };

	prompt.fd = dir_sealed_memfd("prompt", text, strlen(text));
	EXPECT_INT(prompt.fd, >=, 0);
	sha256_of(text, strlen(text), prompt.hash);
	return prompt;
}

static struct tape *open_tape(void)
{
	struct tape *tape;
	int fd = memfd_create("tape", MFD_CLOEXEC);

	EXPECT_INT(tape_open(fd, &tape), ==, 0);
	return tape;
}

static int tape_fd; /* the descriptor behind the tape under test */

static struct tape *open_written(const char *text)
{
	struct tape *tape;

	tape_fd = memfd_create("tape", MFD_CLOEXEC);
	EXPECT_INT(dir_write_all(tape_fd, text, strlen(text)), ==, 0);
	EXPECT_INT(lseek(tape_fd, 0, SEEK_SET), ==, 0);
	EXPECT_INT(tape_open(dup(tape_fd), &tape), ==, 0);
	return tape;
}

TEST(what_was_written_plays_in_order)
{
	struct prompt one = prompt_of("{\"a\":\"\xc3\xa4\n\"}"), two = prompt_of("second");
	struct tape_exchange line = { .format = "openai",
				      .status = 200,
				      .content_type = "text/event-stream",
				      .response = "data: \"x\"\n\n",
				      .response_length = 11 };
	struct error err = { 0 };
	struct tape *tape = open_tape(), *player;
	struct tape_exchange back;
	int fd = memfd_create("both", MFD_CLOEXEC);

	tape_close(tape);
	EXPECT_INT(tape_open(dup(fd), &tape), ==, 0);
	EXPECT_OK(tape_write(tape, &one, &line, &err), &err);
	line.content_type = NULL;
	line.status = 500;
	EXPECT_OK(tape_write(tape, &two, &line, &err), &err);
	EXPECT_INT(lseek(fd, 0, SEEK_SET), ==, 0);
	EXPECT_INT(tape_open(fd, &player), ==, 0);
	EXPECT_OK(tape_next(player, &one, &back, &err), &err);
	EXPECT_STR(back.format, "openai");
	EXPECT_STR(back.content_type, "text/event-stream");
	EXPECT_INT(back.response_length, ==, 11);
	EXPECT_INT(memcmp(back.response, line.response, 11), ==, 0);
	EXPECT_OK(tape_next(player, &two, &back, &err), &err);
	EXPECT_INT(back.status, ==, 500);
	EXPECT_INT(back.content_type == NULL, ==, 1);
	EXPECT_INT(tape_next(player, &two, &back, &err), ==, -ENODATA);
	tape_close(tape);
	tape_close(player);
}

TEST(another_prompt_is_shown_where_it_differs)
{
	struct prompt prompt = prompt_of("the same until here: NEW and on");
	struct tape *tape =
		open_written("{\"format\":\"openai\",\"status\":200,\"request\":"
			     "\"the same until here: OLD and on\",\"response\":\"\"}\n");
	struct tape_exchange back;
	struct error err = { 0 };

	EXPECT_INT(tape_next(tape, &prompt, &back, &err), ==, -EILSEQ);
	EXPECT_INT(strstr(err.text, "at byte 21") != NULL, ==, 1);
	EXPECT_INT(strstr(err.text, "OLD") != NULL && strstr(err.text, "NEW") != NULL, ==, 1);
	tape_close(tape);
}

TEST(a_line_that_is_no_exchange_is_refused)
{
	static const char *const lines[] = { "nonsense\n", "{}\n", "{\"format\":\"openai\"}\n",
					     "{\"format\":\"openai\",\"request\":\"\"", "[1]\n" };
	struct prompt prompt = prompt_of("");
	struct tape_exchange back;
	struct error err = { 0 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct tape *tape = open_written(lines[i]);

		EXPECT_INT(tape_next(tape, &prompt, &back, &err), ==, -EBADMSG);
		tape_close(tape);
	}
}

TEST(a_response_that_is_no_text_cannot_be_recorded)
{
	struct prompt prompt = prompt_of("p");
	struct tape_exchange line = {
		.format = "openai", .status = 200, .response = "\xff\xfe", .response_length = 2
	};
	struct error err = { 0 };
	struct tape *tape = open_tape();

	EXPECT_INT(tape_write(tape, &prompt, &line, &err), ==, -EINVAL);
	tape_close(tape);
}

TEST(the_place_on_the_tape_is_the_files_offset)
{
	struct prompt prompt = prompt_of("p");
	static const char line[] =
		"{\"format\":\"openai\",\"status\":200,\"request\":\"p\",\"response\":\"\"}\n";
	char both[sizeof(line) * 2];
	struct tape_exchange back;
	struct error err = { 0 };
	struct tape *tape;

	(void)snprintf(both, sizeof(both), "%s%s", line, line);
	tape = open_written(both);
	EXPECT_OK(tape_next(tape, &prompt, &back, &err), &err);
	EXPECT_INT(lseek(tape_fd, 0, SEEK_CUR), ==, sizeof(line) - 1);
	tape_close(tape);
}
