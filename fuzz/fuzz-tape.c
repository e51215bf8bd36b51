/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   tape_next() Property any file is read to its end or to a line that is refused; a prompt
 * that differs is never played. Corpus   fuzz/corpus/tape/
 */
#include "base/dir.h"
#include "base/sha256.h"
#include "l6-agent/tape.h"

#include <stdlib.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prompt prompt = { .length = 1 };
	struct tape_exchange exchange;
	struct error err;
	struct tape *tape;
	int fd = memfd_create("tape", MFD_CLOEXEC), r = 0;

	prompt.fd = dir_sealed_memfd("prompt", "p", 1);
	if (fd < 0 || prompt.fd < 0 || dir_write_all(fd, data, size) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0 || tape_open(fd, &tape) < 0)
		abort();
	for (unsigned n = 0; n < LINES_MAX && (r >= 0 || r == -EILSEQ); n++)
		r = tape_next(tape, &prompt, &exchange, &err);
	tape_close(tape);
	close_fd(&prompt.fd);
	return 0;
}
