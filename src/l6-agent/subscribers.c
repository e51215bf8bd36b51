/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/subscribers.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/agent.h"
#include "l6-agent/event.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	RECORDS_PER_ROUND = 64,       /* read for one subscriber before others have their turn */
	QUEUED_MAX = 512 * 1024,      /* bytes given to a connection that it has not taken */
	LIVE_QUEUED_MAX = 128 * 1024, /* live events are dropped from here on */
	LIVE_TEXT_MAX = 32 * 1024,
	PUMP_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 20,
	LIVE_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 10,
};

struct subscriber {
	struct subscribers *all;
	struct subscriber *next;
	sd_varlink *link;
	struct subscribe_options options;
	uint64_t cursor;        /* sequence of the last record that was considered */
	uint64_t next_position; /* of the record after it, 0: to be looked up */
	size_t queued;
	bool is_current; /* has been told that it is up to date */
	int out_fd;
	sd_event_source *pump, *writable;
};

struct subscribers {
	struct agent *agent;
	struct subscriber *first;
	/* live text of one call, gathered during one round of the loop */
	struct live_event live;
	char kind[16];
	struct buf text;
	sd_event_source *flush;
};

static int on_flush(sd_event_source *source, void *data);

int subscribers_new(struct agent *agent, struct subscribers **ret)
{
	struct subscribers *subscribers = calloc(1, sizeof(*subscribers));
	int r;

	if (!subscribers)
		return -ENOMEM;
	subscribers->agent = agent;
	subscribers->text = BUF(2 * LIVE_TEXT_MAX);
	r = sd_event_add_defer(agent->event, &subscribers->flush, on_flush, subscribers);
	if (r >= 0)
		r = sd_event_source_set_priority(subscribers->flush, LIVE_PRIORITY);
	if (r >= 0)
		r = sd_event_source_set_enabled(subscribers->flush, SD_EVENT_OFF);
	if (r < 0) {
		subscribers_free(subscribers);
		return r;
	}
	*ret = subscribers;
	return 0;
}

static void free_subscriber(struct subscriber *subscriber)
{
	sd_event_source_disable_unref(subscriber->pump);
	sd_event_source_disable_unref(subscriber->writable);
	close_fd(&subscriber->out_fd);
	sd_varlink_unref(subscriber->link);
	free(subscriber);
}

void subscribers_drop(struct subscribers *subscribers, sd_varlink *link)
{
	for (struct subscriber **at = &subscribers->first; *at;) {
		struct subscriber *subscriber = *at;

		if (subscriber->link == link) {
			*at = subscriber->next;
			free_subscriber(subscriber);
		} else {
			at = &subscriber->next;
		}
	}
}

void subscribers_free(struct subscribers *subscribers)
{
	if (!subscribers)
		return;
	while (subscribers->first)
		subscribers_drop(subscribers, subscribers->first->link);
	sd_event_source_disable_unref(subscribers->flush);
	buf_free(&subscribers->text);
	free(subscribers);
}

/* What the connection still has to take; 0 as soon as it has taken all. */
static size_t queued(struct subscriber *subscriber)
{
	int events = sd_varlink_get_events(subscriber->link);

	if (events >= 0 && !(events & EPOLLOUT))
		subscriber->queued = 0;
	return subscriber->queued;
}

static bool wants(const struct subscriber *subscriber, uint32_t owner, uint64_t thread)
{
	return subscriber->options.owner == owner &&
	       (!subscriber->options.thread || subscriber->options.thread->id == thread);
}

static int send_event(struct subscriber *subscriber, sd_json_variant *event, size_t bytes)
{
	subscriber->queued += bytes;
	return sd_varlink_notifybo(subscriber->link, SD_JSON_BUILD_PAIR_VARIANT("event", event));
}

static int send_record(struct subscriber *subscriber, const struct journal_record *record)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *event = NULL;
	struct agent *agent = subscriber->all->agent;
	int r = event_build(record, threads_by_id(agent->threads, record->thread)->name,
			    journal_blobs(agent->journal), &event);

	return r < 0 ? r
		     : send_event(subscriber, event, JOURNAL_RECORD_MIN + record->payload_length);
}

/* Reads and sends one record behind the cursor. 1: there may be more, 0: it is up to date. */
static int pump_one(struct subscriber *subscriber, struct buf *payload)
{
	struct journal *journal = subscriber->all->agent->journal;
	struct journal_record record;
	struct error err = { 0 };
	int r = 0;

	if (subscriber->cursor >= journal_durable_sequence(journal))
		return 0;
	if (subscriber->next_position == 0)
		r = journal_seek(journal, subscriber->cursor + 1, &subscriber->next_position, &err);
	if (r >= 0)
		r = journal_peek(journal, subscriber->next_position, &record, &err);
	if (r >= 0 && wants(subscriber, record.owner, record.thread)) {
		r = journal_read(journal, subscriber->next_position, payload, &record, &err);
		if (r >= 0)
			r = send_record(subscriber, &record);
	}
	if (r < 0)
		return r;
	subscriber->cursor = record.sequence;
	subscriber->next_position = journal_next(journal, &record);
	return 1;
}

static int end_or_say_current(struct subscriber *subscriber)
{
	sd_varlink *link = subscriber->link;

	if (subscriber->is_current)
		return 0;
	subscriber->is_current = true;
	if (subscriber->options.follow)
		return sd_varlink_notifybo(link, SD_JSON_BUILD_PAIR_NULL("event"));
	sd_varlink_ref(link);
	subscribers_drop(subscriber->all, link);
	(void)sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_NULL("event")); /* its end is the same */
	sd_varlink_unref(link);
	return 0;
}

static void give_up(struct subscriber *subscriber, int error)
{
	sd_varlink *link = sd_varlink_ref(subscriber->link);

	subscribers_drop(subscriber->all, link);
	(void)sd_varlink_error_errno(link, error); /* nobody may be listening any more */
	sd_varlink_unref(link);
}

static int on_pump(sd_event_source *source, void *data)
{
	struct subscriber *subscriber = data;
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	int r = 1;

	for (unsigned n = 0; r > 0 && n < RECORDS_PER_ROUND; n++) {
		if (queued(subscriber) > QUEUED_MAX)
			break;
		r = pump_one(subscriber, &payload);
	}
	buf_free(&payload);
	if (r < 0)
		give_up(subscriber, r);
	else if (r == 0)
		(void)end_or_say_current(subscriber);
	else if (queued(subscriber) > QUEUED_MAX)
		(void)sd_event_source_set_enabled(subscriber->writable, SD_EVENT_ON);
	else
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* The socket takes bytes again; sd-varlink writes what it holds, then the journal is read on. */
static int on_writable(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct subscriber *subscriber = data;

	(void)fd;
	(void)events;
	if (queued(subscriber) > 0)
		return 0;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return sd_event_source_set_enabled(subscriber->pump, SD_EVENT_ONESHOT);
}

static int watch(struct subscriber *subscriber)
{
	sd_event *event = subscriber->all->agent->event;
	int fd = sd_varlink_get_fd(subscriber->link);
	int r = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (r < 0)
		return r;
	subscriber->out_fd = r;
	r = sd_event_add_io(event, &subscriber->writable, subscriber->out_fd, EPOLLOUT, on_writable,
			    subscriber);
	if (r >= 0)
		r = sd_event_source_set_enabled(subscriber->writable, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_defer(event, &subscriber->pump, on_pump, subscriber);
	if (r >= 0)
		r = sd_event_source_set_priority(subscriber->pump, PUMP_PRIORITY);
	return r;
}

int subscribers_add(struct subscribers *subscribers, sd_varlink *link,
		    const struct subscribe_options *options)
{
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
	int r;

	if (!subscriber)
		return -ENOMEM;
	subscriber->all = subscribers;
	subscriber->link = sd_varlink_ref(link);
	subscriber->options = *options;
	subscriber->cursor = options->after_sequence;
	subscriber->out_fd = -1;
	r = watch(subscriber);
	if (r < 0) {
		free_subscriber(subscriber);
		return r;
	}
	subscriber->next = subscribers->first;
	subscribers->first = subscriber;
	return 0;
}

static void flush_live(struct subscribers *subscribers)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *event = NULL;
	const struct live_event *live = &subscribers->live;
	size_t length = subscribers->text.length;
	int r;

	if (length == 0)
		return;
	r = sd_json_buildo(
		&event, SD_JSON_BUILD_PAIR_UNSIGNED("seq", 0),
		SD_JSON_BUILD_PAIR_UNSIGNED("timeUsec", clock_realtime_us()),
		SD_JSON_BUILD_PAIR_STRING("kind", subscribers->kind),
		SD_JSON_BUILD_PAIR_STRING("thread", live->thread->name),
		SD_JSON_BUILD_PAIR_UNSIGNED("turn", live->turn),
		SD_JSON_BUILD_PAIR(
			"data",
			SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_UNSIGNED("call", live->call),
					     SD_JSON_BUILD_PAIR_UNSIGNED("offset", live->offset),
					     SD_JSON_BUILD_PAIR_STRING(
						     "text", buf_string(&subscribers->text)))));
	buf_truncate(&subscribers->text, 0);
	for (struct subscriber *at = subscribers->first; at && r >= 0; at = at->next)
		if (at->options.live && at->is_current &&
		    wants(at, live->thread->owner, live->thread->id) &&
		    queued(at) <= LIVE_QUEUED_MAX)
			(void)send_event(at, event, length); /* a connection that fails is dropped
								when it says so */
}

static int on_flush(sd_event_source *source, void *data)
{
	(void)source;
	flush_live(data);
	return 0;
}

static bool has_live_listener(const struct subscribers *subscribers, const struct thread *thread)
{
	for (const struct subscriber *at = subscribers->first; at; at = at->next)
		if (at->options.live && wants(at, thread->owner, thread->id))
			return true;
	return false;
}

void subscribers_tell_live(struct subscribers *subscribers, const struct live_event *event)
{
	const struct live_event *held = &subscribers->live;

	if (event->length == 0 || !has_live_listener(subscribers, event->thread))
		return;
	if (subscribers->text.length > 0 &&
	    (held->thread != event->thread || held->turn != event->turn ||
	     held->call != event->call || strcmp(subscribers->kind, event->kind) != 0 ||
	     strcmp(event->kind, "status") == 0 || /* each stands for itself */
	     strcmp(event->kind, "message") == 0 ||
	     subscribers->text.length + event->length > LIVE_TEXT_MAX))
		flush_live(subscribers);
	if (subscribers->text.length == 0) {
		subscribers->live = *event;
		(void)snprintf(subscribers->kind, sizeof(subscribers->kind), "%s", event->kind);
		(void)sd_event_source_set_enabled(subscribers->flush, SD_EVENT_ONESHOT);
	}
	/* a piece larger than the buffer is cut: the answer record holds it all */
	if (buf_add(&subscribers->text, event->text,
		    event->length < LIVE_TEXT_MAX ? event->length : LIVE_TEXT_MAX) < 0)
		buf_truncate(&subscribers->text, 0);
}

void subscribers_tell(struct subscribers *subscribers, const struct journal_record *record)
{
	flush_live(subscribers);
	for (struct subscriber *at = subscribers->first, *next; at; at = next) {
		next = at->next;
		if (!at->is_current || at->cursor + 1 != record->sequence ||
		    queued(at) > QUEUED_MAX) {
			if (at->is_current)
				(void)sd_event_source_set_enabled(at->pump, SD_EVENT_ONESHOT);
			continue;
		}
		at->cursor = record->sequence;
		at->next_position = 0;
		if (wants(at, record->owner, record->thread) && send_record(at, record) < 0)
			give_up(at, -EIO);
	}
}
