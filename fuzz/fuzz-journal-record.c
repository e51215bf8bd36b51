/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   journal_record_decode(), journal_head_decode() Property a record that is whole is
 * encoded to the same bytes; decoding never reads behind the end. Corpus
 * fuzz/corpus/journal-record/
 */
#include "l6-agent/journal-record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct journal_record *record, const uint8_t *bytes,
			const uint8_t before[SHA256_BYTES])
{
	uint8_t chain[SHA256_BYTES];
	struct buf again = BUF(JOURNAL_RECORD_MAX);

	memcpy(chain, before, sizeof(chain));
	if (journal_record_encode(record, chain, &again) < 0 ||
	    memcmp(again.data, bytes, again.length) != 0)
		abort();
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t chain[SHA256_BYTES] = { 0 }, before[SHA256_BYTES];
	struct journal_record record;
	struct journal_head head;
	const char *reason = NULL;

	if (size >= JOURNAL_HEAD_BYTES && journal_head_decode(data, &head)) {
		memcpy(chain, head.chain, sizeof(chain));
		data += JOURNAL_HEAD_BYTES;
		size -= JOURNAL_HEAD_BYTES;
	}
	for (;;) {
		memcpy(before, chain, sizeof(before));
		if (journal_record_decode(data, size, chain, &record, &reason) != JOURNAL_WHOLE)
			return 0;
		check_again(&record, data, before);
		data += journal_record_bytes(&record);
		size -= journal_record_bytes(&record);
	}
}
