/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/attached.h"

#include "base/base64.h"
#include "base/dir.h"

#include <string.h>

static size_t encoded_length(const struct attached *attached)
{
	size_t length = 0;

	for (size_t i = 0; i < attached->n; i++) {
		const struct attached_file *file = &attached->files[i];

		length += attachment_kind(file->type) == ATTACHMENT_TEXT
				  ? file->bytes.length
				  : base64_length(file->bytes.length);
	}
	return length;
}

static int judge(const struct attached_file *file, bool text_only, struct error *err)
{
	if (file->bytes.length == 0)
		return FAIL(err, -EINVAL, "%s is empty", file->name);
	if (!file->type)
		return FAIL(err, -EINVAL,
			    "%s is nothing a model is shown: PNG, JPEG, GIF, WebP, PDF, or text in "
			    "UTF-8",
			    file->name);
	if (!text_only || attachment_kind(file->type) == ATTACHMENT_TEXT)
		return 0;
	return FAIL(err, -EINVAL, "%s: the local model cannot see %s; claw model list shows others",
		    file->name,
		    attachment_kind(file->type) == ATTACHMENT_IMAGE ? "images" : "documents");
}

int attached_take(struct attached *attached, int fd, const char *name,
		  const struct attached_limits *limits, const char **ret_limit, struct error *err)
{
	struct attached_file *file = &attached->files[attached->n];
	const char *problem = attachment_name_problem(name);
	int r;

	*ret_limit = NULL;
	if (*problem)
		return FAIL(err, -EINVAL, "%s", problem);
	if (attached->n == ATTACHED_MAX)
		return FAIL(err, -EINVAL, "more than %d files come with one message", ATTACHED_MAX);
	*file = (struct attached_file){ .name = strdup(name), .bytes = BUF(limits->file_bytes) };
	attached->n++;
	if (!file->name)
		return FAIL(err, -ENOMEM, "out of memory");
	r = dir_read_fd(fd, &file->bytes);
	if (r == -EMSGSIZE)
		*ret_limit = "agent.attachment_kib";
	if (r < 0)
		return FAIL(err, r == -EMSGSIZE ? -EDQUOT : -EINVAL, "%s cannot be read: %s", name,
			    strerror(-r));
	file->type = attachment_type(buf_string(&file->bytes), file->bytes.length);
	r = judge(file, limits->text_only, err);
	if (r >= 0 && attachment_kind(file->type) == ATTACHMENT_TEXT &&
	    leak_clean(&file->bytes, &attached->leaks) < 0)
		r = FAIL(err, -EINVAL, "%s cannot be looked through for secrets", name);
	if (r >= 0 && encoded_length(attached) > limits->encoded_bytes) {
		*ret_limit = "agent.conversation_kib";
		r = FAIL(err, -EDQUOT, "the files are larger than a conversation");
	}
	return r;
}

void attached_free(struct attached *attached)
{
	for (size_t i = 0; i < attached->n; i++) {
		free(attached->files[i].name);
		buf_free(&attached->files[i].bytes);
	}
	attached->n = 0;
}

void attached_build(const struct attached *attached, struct payload *payload)
{
	yyjson_mut_val *list;

	if (payload->error < 0 || attached->n == 0)
		return;
	list = yyjson_mut_obj_add_arr(payload->doc, payload->root, "attachments");
	for (size_t i = 0; i < attached->n && payload->error == 0; i++) {
		const struct attached_file *file = &attached->files[i];
		yyjson_mut_val *value =
			payload_blob_value(payload, buf_string(&file->bytes), file->bytes.length);

		if (value && (!yyjson_mut_obj_add_strcpy(payload->doc, value, "name", file->name) ||
			      !yyjson_mut_obj_add_str(payload->doc, value, "type", file->type) ||
			      !yyjson_mut_arr_append(list, value)))
			payload->error = -ENOMEM;
	}
}

static int recall_one(yyjson_val *value, struct blob_store *blobs,
		      const struct model_format *format, struct conversation *conversation,
		      struct buf *message, struct error *err)
{
	struct buf bytes = BUF(PAYLOAD_TEXT_MAX);
	struct attachment attachment = { .name = payload_get_string(value, "name"),
					 .type = payload_get_string(value, "type") };
	int r = attachment.name && attachment.type ? payload_value_text(value, blobs, &bytes)
						   : -EBADMSG;

	attachment.bytes = buf_string(&bytes);
	attachment.length = bytes.length;
	if (r < 0)
		(void)FAIL(err, r, "a file of a message cannot be read back: %s", strerror(-r));
	else if (attachment_kind(attachment.type) != ATTACHMENT_TEXT && format->add_attachment)
		r = format->add_attachment(conversation, &attachment, err);
	else {
		r = attachment_kind(attachment.type) == ATTACHMENT_TEXT
			    ? attachment_add_text(&attachment, message)
			    : attachment_add_missing(&attachment, message);
		if (r < 0)
			(void)FAIL(err, r, "a message with its files is too long");
	}
	buf_free(&bytes);
	return r;
}

int attached_recall(yyjson_val *accepted, struct blob_store *blobs,
		    const struct model_format *format, struct conversation *conversation,
		    struct buf *message, struct error *err)
{
	yyjson_val *value;
	size_t i, n;
	int r = 0;

	yyjson_arr_foreach(yyjson_obj_get(accepted, "attachments"), i, n, value)
	{
		if (r >= 0)
			r = recall_one(value, blobs, format, conversation, message, err);
	}
	return r;
}
