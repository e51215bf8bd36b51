/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-http.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/number.h"

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

enum {
	IDLE_CONNECTIONS_MAX = 32,
	SPARE_HANDLES_MAX = 8,
	STATUS_FINAL_FIRST = 200,
	/* What reads unpack to waits in libcurl for a slow reader: small ones, and no bombs. */
	READ_BYTES = 4096,
	UNPACKED_FREE_BYTES = 1024 * 1024,
	UNPACKED_RATIO_MAX = 100,
};

struct http {
	sd_event *event;
	sd_event_source *timer;
	CURLM *multi;
	CURL *spare[SPARE_HANDLES_MAX];
	size_t n_spare;
};

struct http_transfer {
	struct http *http;
	CURL *easy;
	const struct http_sink *sink;
	void *userdata;
	bool (*may_connect)(const struct sockaddr *address, void *userdata);
	bool has_head, stopped, bomb;
	uint64_t unpacked; /* bytes of the body, as on_body gets them */
	char refused[EGRESS_ADDRESS_TEXT_BYTES];
	char reason[CURL_ERROR_SIZE];
};

static void end_transfers(struct http *http);

static int act(struct http *http, curl_socket_t fd, int events)
{
	int running;

	(void)curl_multi_socket_action(http->multi, fd, events, &running);
	end_transfers(http);
	return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	int events = 0;

	(void)source;
	if (revents & (EPOLLIN | EPOLLHUP))
		events |= CURL_CSELECT_IN;
	if (revents & EPOLLOUT)
		events |= CURL_CSELECT_OUT;
	if (revents & EPOLLERR)
		events |= CURL_CSELECT_ERR;
	return act(userdata, fd, events);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return act(userdata, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl says which socket it waits for, and for what. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *of_socket)
{
	struct http *http = userdata;
	sd_event_source *source = of_socket;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		(void)curl_multi_assign(http->multi, fd, NULL);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(http->event, &source, fd, events, on_io, http) < 0)
		return -1;
	(void)curl_multi_assign(http->multi, fd, source);
	return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *userdata)
{
	struct http *http = userdata;

	(void)multi;
	if (timeout_ms < 0)
		return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(http->timer, (uint64_t)timeout_ms * CLOCK_MSEC_US) <
		    0 ||
	    sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT) < 0)
		return -1;
	return 0;
}

int http_new(sd_event *event, struct http **ret, struct error *err)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return FAIL(err, -ENOMEM, "out of memory");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(http);
		return FAIL(err, -ENOMEM, "libcurl cannot be used");
	}
	http->event = sd_event_ref(event);
	http->multi = curl_multi_init();
	r = sd_event_add_time_relative(event, &http->timer, CLOCK_MONOTONIC, 0, 1, on_timer, http);
	if (r >= 0)
		r = sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
	if (r < 0 || !http->multi) {
		http_free(http);
		return FAIL(err, r < 0 ? r : -ENOMEM, "libcurl cannot be put on the event loop");
	}
	(void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	(void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	(void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	(void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
	*ret = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	for (size_t i = 0; i < http->n_spare; i++)
		curl_easy_cleanup(http->spare[i]);
	if (http->multi)
		(void)curl_multi_cleanup(http->multi);
	sd_event_source_disable_unref(http->timer);
	sd_event_unref(http->event);
	curl_global_cleanup();
	free(http);
}

static CURL *take_handle(struct http *http)
{
	return http->n_spare > 0 ? http->spare[--http->n_spare] : curl_easy_init();
}

static void give_handle(struct http *http, CURL *easy)
{
	if (http->n_spare == SPARE_HANDLES_MAX) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy); /* drops what it copied; connections belong to the multi handle */
	http->spare[http->n_spare++] = easy;
}

/* The socket is made here, so the address judged is the address connected to. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_transfer *transfer = userdata;

	(void)purpose;
	if (transfer->may_connect && !transfer->may_connect(&address->addr, transfer->userdata)) {
		egress_address_text(&address->addr, transfer->refused);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		      address->protocol);
}

static int64_t retry_after_ms(CURL *easy)
{
	struct curl_header *header;
	curl_off_t seconds = 0;
	uint64_t ms;

	if (curl_easy_header(easy, "retry-after-ms", 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
	    number_parse_u64(header->value, 0, INT32_MAX, &ms) == 0)
		return (int64_t)ms;
	if (curl_easy_header(easy, "retry-after", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
	    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK)
		return -1;
	return seconds * 1000;
}

static void give_head(struct http_transfer *transfer, long status)
{
	struct http_head head = { .status = (int)status,
				  .retry_after_ms = retry_after_ms(transfer->easy) };
	struct curl_header *header;
	char *type = NULL;

	if (curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK)
		head.content_type = type;
	if (curl_easy_header(transfer->easy, "location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		head.location = header->value;
	transfer->has_head = true;
	transfer->sink->on_head(&head, transfer->userdata);
}

/* Lines of heads; the empty one ends a head, and the last head that is not 1xx is the answer's. */
static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
	struct http_transfer *transfer = userdata;
	long status = 0;

	if (n > 0 && (line[0] == '\r' || line[0] == '\n') && !transfer->has_head &&
	    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
	    status >= STATUS_FINAL_FIRST)
		give_head(transfer, status);
	return size * n;
}

/* Deflate makes a thousand bytes of one; what says something makes twenty. */
static bool is_bomb(const struct http_transfer *transfer)
{
	curl_off_t packed = 0;

	return transfer->unpacked > UNPACKED_FREE_BYTES &&
	       curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &packed) == CURLE_OK &&
	       transfer->unpacked / UNPACKED_RATIO_MAX > (uint64_t)packed;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *userdata)
{
	struct http_transfer *transfer = userdata;

	switch (transfer->sink->on_body(bytes, size * n, transfer->userdata)) {
	case HTTP_TAKEN:
		transfer->unpacked += size * n;
		transfer->bomb = is_bomb(transfer);
		return transfer->bomb ? CURL_WRITEFUNC_ERROR : size * n;
	case HTTP_FULL:
		return CURL_WRITEFUNC_PAUSE;
	case HTTP_STOP:
		break;
	}
	transfer->stopped = true;
	return CURL_WRITEFUNC_ERROR;
}

static CURLcode set_request(CURL *easy, const struct http_options *options)
{
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_URL, options->url);

	bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, options->headers);
	if (strcmp(options->method, "GET") == 0)
		return bad | curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	if (strcmp(options->method, "POST") != 0)
		bad |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, options->method);
	bad |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, options->length > 0 ? options->body : "");
	return bad |
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->length);
}

static CURLcode set_safety(CURL *easy, const struct http_options *options)
{
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
					options->plain ? "http,https" : "https");

	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy ? options->proxy : "");
	/* a proxy resolves the names: what it is not asked about would be reached unjudged */
	bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY,
				options->alone ? "" : "localhost,127.0.0.1,::1");
	bad |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_ms);
	if (options->ca_file)
		bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
	bad |= curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, options->codings);
	bad |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)READ_BYTES);
	if (options->alone) {
		bad |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
		bad |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
		bad |= curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	}
	return bad;
}

static CURLcode set_callbacks(CURL *easy, struct http_transfer *transfer)
{
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);

	bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	return bad | curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

int http_start(struct http *http, const struct http_options *options, const struct http_sink *sink,
	       struct http_transfer **ret, struct error *err)
{
	struct http_transfer *transfer = calloc(1, sizeof(*transfer));
	CURL *easy = transfer ? take_handle(http) : NULL;
	CURLcode bad;

	if (!easy) {
		free(transfer);
		return FAIL(err, -ENOMEM, "out of memory");
	}
	*transfer = (struct http_transfer){ .http = http,
					    .easy = easy,
					    .sink = sink,
					    .userdata = options->userdata,
					    .may_connect = options->may_connect };
	bad = set_request(easy, options) | set_safety(easy, options) |
	      set_callbacks(easy, transfer);
	if (bad != CURLE_OK || curl_multi_add_handle(http->multi, easy) != CURLM_OK) {
		curl_easy_cleanup(easy);
		free(transfer);
		return FAIL(err, -EINVAL, "the request cannot be made");
	}
	*ret = transfer; /* adding it armed the timer, so no callback comes before this returns */
	return 0;
}

void http_resume(struct http_transfer *transfer)
{
	(void)curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

void http_cancel(struct http_transfer *transfer)
{
	if (!transfer)
		return;
	(void)curl_multi_remove_handle(transfer->http->multi, transfer->easy);
	give_handle(transfer->http, transfer->easy);
	free(transfer);
}

/* A connection that was lost while TLS began is as lost as any other. */
static bool is_lost(const struct http_transfer *transfer)
{
	static const char *const words[] = { "Recv failure", "Send failure", "unexpected eof",
					     "SSL_ERROR_SYSCALL" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(transfer->reason, words[i]))
			return true;
	return false;
}

static enum http_failure judge(const struct http_transfer *transfer, CURLcode code)
{
	switch (code) {
	case CURLE_OK: /* of a head that ends too early libcurl says nothing */
		return transfer->has_head ? HTTP_OK : HTTP_LOST;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return HTTP_RESOLVE;
	case CURLE_COULDNT_CONNECT:
		return transfer->refused[0] ? HTTP_REFUSED : HTTP_CONNECT;
	case CURLE_OPERATION_TIMEDOUT: /* ours is the connect time only */
		return HTTP_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
		return is_lost(transfer) ? HTTP_LOST : HTTP_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return HTTP_TLS;
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
		return transfer->has_head ? HTTP_CUT : HTTP_LOST;
	case CURLE_WRITE_ERROR:
		return transfer->stopped ? HTTP_STOPPED : HTTP_PROTOCOL;
	default:
		return HTTP_PROTOCOL;
	}
}

/* What is wrong with a certificate, for a person; NULL when it is not known. */
static const char *certificate_reason(CURL *easy)
{
	enum { NOT_YET = 9, EXPIRED = 10, SELF_SIGNED = 18, SELF_SIGNED_ABOVE = 19 };
	enum { NO_ISSUER = 20, NO_SIGNATURE = 21 }; /* X509_V_ERR_* of OpenSSL */
	long found = -1;

	if (curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &found) != CURLE_OK)
		return NULL;
	switch (found) {
	case NOT_YET:
		return "the server's certificate is not valid yet (or the clock is slow)";
	case EXPIRED:
		return "the server's certificate has expired (or the clock is fast)";
	case SELF_SIGNED:
		return "the server's certificate is self-signed";
	case SELF_SIGNED_ABOVE:
	case NO_ISSUER:
	case NO_SIGNATURE:
		return "the server's certificate is from an authority that is not trusted here "
		       "([egress] ca_file names others)";
	default:
		return NULL;
	}
}

/* What libcurl says in words of its own inside. */
static const char *protocol_reason(const struct http_transfer *transfer, CURLcode code)
{
	static const struct {
		const char *words, *reason;
	} known[] = {
		/* it compares names itself */
		{ "subject name", "the server's certificate is for another host name" },
		{ "wrong version number",
		  "the server does not speak TLS there; is its address http:// or another port?" },
		{ "HTTP/0.9", "what answers there does not speak HTTP; is its address https:// or "
			      "another port?" },
		{ "status line", "what answers there does not speak HTTP; is its address https:// "
				 "or another port?" },
	};

	if (transfer->bomb)
		return "the answer unpacks to more than a hundred times its size";
	if (code == CURLE_OK)
		return "the connection was closed inside the answer's head";
	if (code == CURLE_TOO_LARGE)
		return "the answer's head is too large or has too many headers";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(transfer->reason, known[i].words))
			return known[i].reason;
	return NULL;
}

static const char *reason_of(CURL *easy, const struct http_transfer *transfer, CURLcode code)
{
	const char *reason =
		code == CURLE_PEER_FAILED_VERIFICATION ? certificate_reason(easy) : NULL;

	if (!reason)
		reason = protocol_reason(transfer, code);
	if (reason)
		return reason;
	return transfer->reason[0] ? transfer->reason : curl_easy_strerror(code);
}

static void end_one(struct http *http, CURL *easy, CURLcode code)
{
	struct http_transfer *transfer = NULL;
	struct http_end end = { 0 };
	curl_off_t us = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
	end.failure = judge(transfer, code);
	end.reason = reason_of(easy, transfer, code);
	memcpy(end.address, transfer->refused, sizeof(end.address));
	if (curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &us) == CURLE_OK)
		end.connect_us = (uint64_t)us;
	if (curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &us) == CURLE_OK)
		end.first_byte_us = (uint64_t)us;
	(void)curl_multi_remove_handle(http->multi, easy);
	give_handle(http, easy);
	transfer->sink->on_end(&end, transfer->userdata);
	free(transfer);
}

static void end_transfers(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			end_one(http, message->easy_handle, message->data.result);
}
