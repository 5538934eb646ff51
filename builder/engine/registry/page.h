/* The page for people at "/": what is served and how to pull it. One self-contained document, no
 * script; everything that a bundle or a request says is escaped. */
#pragma once

#include "registry/catalog.h"

enum { REG_PAGE_MAX_BYTES = 16 * 1024 * 1024 };

/* host: how the visitor calls this server ("registry.example.org:5000"), for the commands; NULL or
 * one that is no host name: a placeholder. tls: commands need no flag for plain HTTP. */
void reg_page_write(const struct reg_catalog *c, const char *host, bool tls, struct eb_buf *out);
/* Text with the five characters that mean something to HTML replaced. */
void reg_escape(const char *text, struct eb_buf *out);
