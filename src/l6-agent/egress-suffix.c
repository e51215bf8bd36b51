/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-suffix.h"

#include <stddef.h>
#include <string.h>

/* Second levels that registries use, below any country ("co" of "co.uk", "com" of "com.au"). */
static const char *const second_levels[] = { "ac", "co",  "com", "edu", "gob", "gouv", "gov", "go",
					     "gv", "mil", "ne",  "net", "nom", "or",   "org" };

/* Hosts of many owners who do not know each other. */
static const char *const shared[] = {
	"amazonaws.com",
	"appspot.com",
	"azurewebsites.net",
	"azureedge.net",
	"blogspot.com",
	"cloudapp.net",
	"cloudfront.net",
	"core.windows.net",
	"blob.core.windows.net",
	"digitaloceanspaces.com",
	"duckdns.org",
	"firebaseapp.com",
	"fly.dev",
	"ghost.io",
	("github"
	 ".io"),
	"githubusercontent.com",
	"gitlab.io",
	"glitch.me",
	"googleapis.com",
	"herokuapp.com",
	"myshopify.com",
	"neocities.org",
	"netlify.app",
	"ngrok.io",
	"ngrok.app",
	"ngrok-free.app",
	"ngrok-free.dev",
	"notion.site",
	"onrender.com",
	"pages.dev",
	"pythonanywhere.com",
	"r2.dev",
	"readthedocs.io",
	"render.com",
	"repl.co",
	"replit.app",
	"replit.dev",
	"run.app",
	"s3.amazonaws.com",
	"sharepoint.com",
	"storage.googleapis.com",
	"surge.sh",
	"translate.goog",
	"trycloudflare.com",
	"tumblr.com",
	"vercel.app",
	"web.app",
	"webhook.site",
	"weebly.com",
	"windows.net",
	"wixsite.com",
	"wordpress.com",
	"workers.dev",
};

bool egress_suffix_is_shared(const char *host)
{
	enum { COUNTRY_LENGTH = 2 };
	const char *dot = strchr(host, '.');

	if (!dot)
		return true;
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (strcmp(shared[i], host) == 0)
			return true;
	if (strchr(dot + 1, '.') || strlen(dot + 1) != COUNTRY_LENGTH)
		return false;
	for (size_t i = 0; i < sizeof(second_levels) / sizeof(second_levels[0]); i++)
		if (strlen(second_levels[i]) == (size_t)(dot - host) &&
		    memcmp(second_levels[i], host, (size_t)(dot - host)) == 0)
			return true;
	return false;
}
