/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/fs-batch.h"

#include "base/cleanup.h"
#include "base/log.h"

enum { BATCH_MAX = 64 };

struct waiting {
	sd_varlink *link;
	sd_json_variant *reply;
};

struct batch {
	struct store *store;
	sd_event *event;
	sd_event_source *commit;
	size_t n_waiting;
	struct waiting waiting[BATCH_MAX];
};

void batch_judge(struct batch *batch, int r, const struct error *err)
{
	log_error("%s", err->text);
	if (r == -EIO || r == -EUCLEAN)
		(void)sd_event_exit(batch->event,
				    EXIT_FAILURE); /* only fails when ending already */
}

static int on_commit(sd_event_source *source, void *userdata)
{
	struct error err = { 0 };
	int r = batch_flush(userdata, &err);

	(void)source;
	(void)r; /* it has replied, logged and judged itself */
	return 0;
}

int batch_open(struct store *store, sd_event *event, struct batch **ret, struct error *err)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int r;

	if (!batch)
		return FAIL(err, -ENOMEM, "out of memory");
	batch->store = store;
	batch->event = sd_event_ref(event);
	r = sd_event_add_defer(event, &batch->commit, on_commit, batch);
	if (r >= 0)
		r = sd_event_source_set_priority(batch->commit, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(batch->commit, SD_EVENT_OFF);
	if (r < 0) {
		batch_close(batch);
		return FAIL(err, r, "event loop: no source for commits");
	}
	*ret = batch;
	return 0;
}

static void forget(struct waiting *waiting)
{
	sd_varlink_unref(waiting->link);
	sd_json_variant_unref(waiting->reply);
	*waiting = (struct waiting){ 0 };
}

void batch_close(struct batch *batch)
{
	if (!batch)
		return;
	for (size_t i = 0; i < batch->n_waiting; i++)
		forget(&batch->waiting[i]);
	sd_event_source_disable_unref(batch->commit);
	sd_event_unref(batch->event);
	free(batch);
}

int batch_begin(struct batch *batch, struct error *err)
{
	int r = store_begin(batch->store, err);

	return r < 0 ? r : store_mark(batch->store, err);
}

/* Tells all who wait: r is 0 when their units are durable, else the failure. */
static void reply_all(struct batch *batch, int r)
{
	for (size_t i = 0; i < batch->n_waiting; i++) {
		/* A caller that has left gets no reply; its write is durable all the same. */
		if (r < 0)
			(void)sd_varlink_error_errno(batch->waiting[i].link, r);
		else
			(void)sd_varlink_reply(batch->waiting[i].link, batch->waiting[i].reply);
		forget(&batch->waiting[i]);
	}
	batch->n_waiting = 0;
	(void)sd_event_source_set_enabled(batch->commit, SD_EVENT_OFF); /* nothing waits any more */
}

int batch_keep(struct batch *batch, sd_varlink *link, sd_json_variant *reply, struct error *err)
{
	int r = store_keep(batch->store, err);

	if (r < 0)
		return r;
	batch->waiting[batch->n_waiting++] = (struct waiting){
		.link = sd_varlink_ref(link),
		.reply = sd_json_variant_ref(reply),
	};
	if (batch->n_waiting == BATCH_MAX ||
	    sd_event_source_set_enabled(batch->commit, SD_EVENT_ONESHOT) < 0) {
		r = batch_flush(batch, err);
		(void)r; /* link has been told with the others */
	}
	return 0;
}

void batch_undo(struct batch *batch)
{
	if (store_is_open(batch->store))
		store_undo(batch->store);
	if (batch->n_waiting == 0)
		store_rollback(batch->store);
	else if (!store_is_open(batch->store))
		reply_all(batch, -EIO);
}

int batch_flush(struct batch *batch, struct error *err)
{
	int r = store_commit(batch->store, err);

	if (r < 0)
		store_rollback(batch->store);
	reply_all(batch, r);
	if (r < 0)
		batch_judge(batch, r, err);
	return r;
}
