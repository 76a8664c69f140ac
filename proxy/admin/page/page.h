// The page at `/` of the admin endpoint: its answers.
//
// The page has no secret and no number of its own: a browser may load it without the token, and all
// that it shows and does it asks of /api/v1 and /metrics, as any other client.
// Checked by: tests/proxy/admin/page_test.cc, tests/e2e/test_page.py.
#ifndef SLUICE_PROXY_ADMIN_PAGE_PAGE_H_
#define SLUICE_PROXY_ADMIN_PAGE_PAGE_H_

#include <string_view>

#include "proxy/admin/http/exchange.h"
#include "proxy/admin/page/page_file.h"

namespace sluice::proxy {

// Null: there is none of this path.
const PageFile* FindPageFile(std::string_view path);

// To a GET: the file, or 304 if `if_none_match` has its ETag.
HttpResponse PageAnswer(const PageFile& file, std::string_view if_none_match);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_PAGE_PAGE_H_
