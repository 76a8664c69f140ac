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

#include <string>
#include <string_view>

#include "proxy/observe/access_log/session_record.h"

namespace sluice::proxy {

// Appends the line without its '\n'. In names a backslash becomes `\\`, and a byte that is no
// visible ASCII character, a space too, `\xNN`.
void AppendText(const SessionRecord& record, std::string& out);

// A name as such a field.
std::string EscapedName(std::string_view name);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_RECORD_TEXT_H_
