#include "registry/metrics.h"
#include "testlib.h"

TEST(metrics, write_shows_what_was_counted)
{
	static struct reg_metrics m;
	const struct reg_gauges g = { .connections = 3, .files = 2, .file_bytes = 12345 };
	EB_AUTOBUF(b, 65536);

	reg_metrics_count(&m, REG_ROUTE_BLOB, 206);
	reg_metrics_count(&m, REG_ROUTE_BLOB, 206);
	reg_metrics_count(&m, REG_ROUTE_TAGS, 418);
	atomic_fetch_add(&m.bytes, 99);
	reg_metrics_write(&m, &g, &b);
	CHECK_HAS(eb_buf_str(&b),
		  "\ness_bundle_http_requests_total{kind=\"blob\",code=\"206\"} 2\n");
	CHECK_HAS(eb_buf_str(&b), "{kind=\"tags\",code=\"other\"} 1\n");
	CHECK_HAS(eb_buf_str(&b), "\ness_bundle_http_response_bytes_total 99\n");
	CHECK_HAS(eb_buf_str(&b), "\ness_bundle_http_connections 3\n");
	CHECK_HAS(eb_buf_str(&b), "\ness_bundle_file_bytes 12345\n");
	CHECK(!strstr(eb_buf_str(&b), "code=\"200\""));
}

/* Each line is a comment or "name[{labels}] number". */
TEST(metrics, write_keeps_to_the_format)
{
	static struct reg_metrics m;
	const struct reg_gauges g = { .connections = 1 };
	EB_AUTOBUF(b, 65536);
	struct eb_span rest, line;

	reg_metrics_count(&m, REG_ROUTE_PAGE, 200);
	reg_metrics_write(&m, &g, &b);
	rest = eb_span_str(eb_buf_str(&b));
	while (eb_span_next(&rest, '\n', &line)) {
		const char *blank = memrchr(line.ptr, ' ', line.len);
		struct eb_span number;
		uint64_t v;

		if (eb_span_starts(line, "# HELP ess_bundle_") ||
		    eb_span_starts(line, "# TYPE ess_bundle_"))
			continue;
		CHECK(eb_span_starts(line, "ess_bundle_") && blank);
		number = (struct eb_span){ blank + 1, line.len - (size_t)(blank + 1 - line.ptr) };
		CHECK_INT(eb_parse_u64(number, UINT64_MAX, &v, NULL), 0);
	}
}
