// HaproxySection: what the lines of a section of HAProxy's say, of a kind that listens or serves,
// or of `defaults`: these are a section that others begin as.
#ifndef SLUICE_CONF_HAPROXY_SECTION_H_
#define SLUICE_CONF_HAPROXY_SECTION_H_

#include <string>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_access.h"
#include "conf/haproxy_bind.h"
#include "conf/haproxy_check.h"
#include "conf/haproxy_routes.h"
#include "conf/haproxy_sections.h"
#include "conf/haproxy_servers.h"
#include "conf/haproxy_times.h"

namespace sluice::conf {

class HaproxySection {
 public:
  // One that begins as `defaults`.
  HaproxySection(const HaproxySection& defaults, const HaproxySectionText& text);
  HaproxySection() = default;

  // What does not map is noted in `out`.
  void Read(const HaproxyLine& line, Converted& out);

  // The two halves: an upstream; listeners, of which those that clients of balancers reach are one
  // of their own. None: they cannot be, with a note that says why.
  void AddUpstream(Converted& out) const;
  void AddListeners(Converted& out) const;

  bool listens() const { return kind_ == "frontend" || kind_ == "listen"; }
  bool serves() const { return kind_ == "backend" || kind_ == "listen"; }
  bool is_disabled() const { return is_disabled_; }
  const std::string& name() const { return name_; }
  int line() const { return line_; }
  const HaproxyTimes& times() const { return times_; }

  void NoteLeftOut(std::string_view why, Converted& out) const;

 private:
  using Words = std::vector<std::string>;

  // Of these three each returns false if the line does not map.
  bool ReadListener(const HaproxyLine& line, Converted& out);
  bool ReadUpstream(const HaproxyLine& line, Converted& out);
  bool ReadTcpRequest(const HaproxyLine& line, Converted& out);
  bool ReadBalance(const std::string& policy);
  void SetQueueTimeout(ConvertedUpstream& upstream, Converted& out) const;
  void ReadServer(const HaproxyLine& line, Converted& out);

  std::string kind_;
  std::string name_;
  int line_ = 0;
  bool is_disabled_ = false;
  HaproxyTimes times_;
  // As a listener.
  ConvertedListener listener_;
  HaproxyBinds binds_;
  HaproxyAccess access_;
  HaproxyRoutes routes_;
  // As an upstream.
  ConvertedKeys upstream_;
  Words default_server_;
  bool all_backups_ = false;
  HaproxyCheck check_;
  HaproxyServers servers_;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_SECTION_H_
