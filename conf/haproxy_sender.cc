#include "conf/haproxy_sender.h"

#include <algorithm>
#include <string_view>

#include "conf/haproxy_words.h"
#include "conf/text/text.h"

namespace sluice::conf {

using Words = HaproxySender::Words;

namespace {

std::string VersionOf(std::string_view word) { return word == "send-proxy" ? "v1" : "v2"; }

}  // namespace

// Of both versions the second one is sent.
Words HaproxySender::TakeWord(const std::string& word) {
  if (taken_.version != "v2") taken_.version = VersionOf(word);
  if (word.find("-ssl") == word.npos) return {};
  return {Cat("send_proxy: v2 without what it says of TLS, which is not ended here: ",
              Printable(word))};
}

void HaproxySender::DropWord(const std::string& word) {
  if (taken_.version == VersionOf(word)) taken_.version.clear();
}

Words HaproxySender::TakeOptions(const std::string& value) {
  Words notes;
  for (const std::string& each : SplitAtCommas(value)) {
    const std::string ours = HaproxyTlv(each);
    if (ours.empty()) {
      notes.push_back(Cat("no counterpart: the TLV ", Printable(each)));
    } else if (std::ranges::find(taken_.tlvs, ours) == taken_.tlvs.end()) {
      taken_.tlvs.push_back(ours);
    }
  }
  return notes;
}

Words HaproxySender::TakeSource(const Words& words) {
  const bool is_client =
      words.size() == 3 && words[1] == "usesrc" && (words[2] == "clientip" || words[2] == "client");
  if (is_client) {
    taken_.source = "client";
    if (words[2] == "clientip") return {};
    return {"source_address: client leaves the port to the kernel"};
  }
  if (words.size() == 1 && words[0].find_first_of(":/@*") == std::string::npos) {
    taken_.source = YamlQuoted(words[0]);
    return {};
  }
  return {Cat("no counterpart: source ", JoinedWords(words))};
}

void HaproxySender::EndLine() {
  source_ = taken_.source;
  taken_ = {};
}

Words HaproxySender::EndServer() {
  if (taken_.source.empty()) taken_.source = source_;
  const bool is_same = !servers_ || *servers_ == taken_;
  if (!servers_) servers_ = taken_;
  taken_ = {};
  if (is_same) return {};
  return {"send_proxy and source_address are one for all servers: those of the first"};
}

void HaproxySender::SetOn(ConvertedKeys& upstream) const {
  if (!servers_) return;
  const auto& [version, tlvs, source] = *servers_;
  if (version == "v2" && !tlvs.empty()) {
    std::string list;
    for (const std::string& each : tlvs) list += Cat(list.empty() ? "" : ", ", each);
    upstream.Set("send_proxy", Cat("{ version: v2, tlvs: [", list, "] }"));
  } else if (!version.empty()) {
    upstream.Set("send_proxy", version);
  }
  if (!source.empty()) upstream.Set("source_address", source);
}

}  // namespace sluice::conf
