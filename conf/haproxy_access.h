// HaproxyAccess: which clients a section of HAProxy's lets in, by its rules "tcp-request
// connection", "session" and "content" that accept or reject, as networks. There the first rule
// that fits decides, here the most specific network: lists of which both make the same are taken,
// and of another list no part is, since it would let in clients that are not to be.
#ifndef SLUICE_CONF_HAPROXY_ACCESS_H_
#define SLUICE_CONF_HAPROXY_ACCESS_H_

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_sections.h"

namespace sluice::conf {

class HaproxyAccess {
 public:
  using Words = std::vector<std::string>;

  // "acl office src 10.0.0.0/8". Returns whether rules can go by it.
  bool TakeAcl(const Words& words);

  // "tcp-request connection reject if !office". Returns false if it is no rule of this kind: one
  // that accepts or rejects.
  bool TakeRule(const HaproxyLine& line);

  // Returns false if a rule that rejects cannot be converted, with a note on it.
  bool SetOn(ConvertedListener& listener, Converted& out) const;

  // As SetOn, for a listener whose clients come by balancers with PROXY headers: there rules of
  // "connection" are for the balancers, and these are the ones to trust.
  bool SetOnProxied(ConvertedListener& listener, Converted& out) const;

  bool RejectsSome() const;  // by other rules than limits

 private:
  using Span = std::span<const std::string>;

  // What a rule goes by.
  struct Condition {
    bool is_always = false;
    bool is_limit = false;  // by counts of connections: what it rejects is too much, not wrong
    bool is_not = false;    // holds for clients in none of the networks
    Words networks = {};
  };
  // How a list that has the same effect looks here.
  struct Lists {
    Words allow = {};
    Words deny = {};
    bool maps = true;
  };

  // Of a condition the part between "or" and "or": all of it has to hold.
  struct Term {
    bool is_not = false;
    Words fetch = {};  // "src", "10.0.0.0/8"
  };
  using Group = std::vector<Term>;

  std::optional<Condition> ReadCondition(Span words) const;
  std::optional<Group> ReadGroup(Span words) const;
  Lists ReadRules(std::string_view set, Converted& out) const;
  static bool Merge(const Lists& lists, ConvertedListener& listener);

  std::map<std::string, Words, std::less<>> acls_;  // what each goes by; of two kinds: nothing
  std::vector<HaproxyLine> rules_;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_ACCESS_H_
