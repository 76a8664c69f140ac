// HaproxySender: how a backend of HAProxy's makes its connections, in our words: which PROXY header
// it sends, and from which address. There each server has its own, here an upstream has one.
#ifndef SLUICE_CONF_HAPROXY_SENDER_H_
#define SLUICE_CONF_HAPROXY_SENDER_H_

#include <optional>
#include <string>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

class HaproxySender {
 public:
  using Words = std::vector<std::string>;

  // Those with words return notes on what does not map.
  Words TakeWord(const std::string& word);      // "send-proxy-v2"
  void DropWord(const std::string& word);       // "send-proxy-v2" of "no-send-proxy-v2"
  Words TakeOptions(const std::string& value);  // of proxy-v2-options: "crc32c,unique-id"
  Words TakeSource(const Words& words);         // "0.0.0.0 usesrc clientip"
  // What was taken is the backend's, or that of a server.
  void EndLine();
  Words EndServer();

  void SetOn(ConvertedKeys& upstream) const;

 private:
  struct Taken {
    std::string version = {};  // "v1", "v2"; "": none
    Words tlvs = {};
    std::string source = {};

    bool operator==(const Taken&) const = default;
  };

  Taken taken_;
  std::string source_;            // of the backend, for servers without one
  std::optional<Taken> servers_;  // the first one's
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_SENDER_H_
