// The access log's text: fields apart by one space, `-` for what is not there.
//
//   CLIENT [TIME] LISTENER UPSTREAM/ENDPOINT ATTEMPTS QUEUE/CONNECT/FIRST_BYTE/TOTAL UP/DOWN
//   BY/REASON RTT_CLIENT/RTT_UPSTREAM RETRANS_CLIENT/RETRANS_UPSTREAM [UNDELIVERED_UP/DOWN]
//   id=ID local=ADDRESS upstream_local=ADDRESS failed=ENDPOINT,ENDPOINT... record=KIND
//   [route=ROUTE sni=SERVER alpn=PROTOCOL,PROTOCOL...]
//   [peer=ADDRESS proxy_source=ADDRESS proxy_destination=ADDRESS proxy_TLV=VALUE...]
//   [unique_id=ID] [rule=RULE]
//
// The last lines are there where the listener has routes and one was looked for; where the client
// has sent a PROXY header, each TLV where it had one; where an id was made for the header that is
// sent; and where an access list has rejected it.
// UNDELIVERED is there only when a reset has cut something; what is behind it is found by its key.
// Durations are milliseconds, round-trip times microseconds.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_TEXT_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_TEXT_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/observe/access_log/cut_text.h"
#include "proxy/observe/access_log/session_record.h"

namespace sluice::proxy {

// Appends the line without its '\n'. In names a backslash becomes `\\`, and a byte that is no
// visible ASCII character, a space too, `\xNN`. What peers choose is cut (cut_text.h).
void AppendText(const SessionRecord& record, std::string& out);

// A name as such a field.
std::string EscapedName(std::string_view name);
// The same, of at most so many bytes: kCutMark stands for the rest.
std::string CutName(std::string_view name, size_t most);

// SessionRecord::alpn as such a field, with commas between the names (one within a name is `\x2c`),
// of at most kMostAlpnText bytes; "": there is none.
std::string ProtocolNames(std::string_view list);

// Calls `visit(key, name)` for each text of a PROXY header that there is, as such a field: of at
// most kMostTlvText bytes, and of all together kMostTlvTexts and the marks of those that are cut.
template <typename Visit>
void ForEachName(const ProxyRecord& proxy, Visit visit) {
  size_t left = kMostTlvTexts;
  ForEachText(proxy, [&](std::string_view key, std::string_view text) {
    const std::string name = CutName(text, std::min(left, kMostTlvText));
    left -= std::min(left, name.size());
    visit(key, std::string_view(name));
  });
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_TEXT_H_
