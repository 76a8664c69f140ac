// The access log's JSON: one object per line, keys always in the same order; `error`
// and the two `undelivered` keys only where there was an error or a reset has cut something.
// `route`, `sni` and `alpn` are there where the listener has routes and one was looked for.
// `peer` and the keys that begin with `proxy_` are there where the client has sent a PROXY header,
// each TLV where it had one.
// `record` says of what kind it is; one of a session that lives on has no `reason` (null).
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_JSON_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_JSON_H_

#include <string>

#include "proxy/observe/access_log/session_record.h"

namespace sluice::proxy {

// Appends the line without its '\n'. Names are text in UTF-8; other bytes become U+FFFD. `alpn` and
// the texts of a PROXY header are told as in the text's names. What peers choose is cut
// (cut_text.h).
void AppendJson(const SessionRecord& record, std::string& out);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_JSON_H_
