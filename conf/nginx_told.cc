#include "conf/nginx_told.h"

#include "conf/converted.h"

namespace sluice::conf {
namespace {

bool TakeTime(const std::string& text, std::string& time) {
  if (NginxTime(text).empty()) return false;
  time = NginxTime(text);
  return true;
}

}  // namespace

bool NginxTold::Take(const NginxDirective& each) {
  const std::string& word = each.words[0];
  const std::string value = each.words.size() > 1 ? each.words[1] : "";
  if (word == "proxy_protocol") {
    sender.sends_proxy = value == "on";
  } else if (word == "proxy_protocol_timeout") {
    return TakeTime(value, timeout);
  } else if (word == "set_real_ip_from") {
    trusted.push_back(value == "unix:" ? "unix" : value);
  } else if (word == "ssl_preread") {
    reads_names = value == "on";
  } else if (word == "preread_timeout") {
    return TakeTime(value, read_timeout);
  } else if (word == "proxy_ssl") {
    is_tls = value == "on";
  } else if (word == "proxy_half_close") {
    keeps_half = value == "on";
  } else if (value == "off") {
    sender.source.clear();
  } else if (each.words.size() == 3 && value == "$remote_addr" && each.words[2] == "transparent") {
    sender.source = "client";
  } else if (each.words.size() == 2 && value.find_first_of("$:") == value.npos) {
    sender.source = YamlQuoted(value);
  } else {
    return false;
  }
  return true;
}

bool IsToldByNginx(std::string_view word) {
  return word == "proxy_protocol" || word == "proxy_protocol_timeout" || word == "proxy_bind" ||
         word == "set_real_ip_from" || word == "ssl_preread" || word == "preread_timeout" ||
         word == "proxy_ssl" || word == "proxy_half_close" || word == "allow" || word == "deny";
}

}  // namespace sluice::conf
