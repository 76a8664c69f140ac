// AccessList: which addresses may connect, by the networks that they are in.
//
// The most specific network that an address is in decides; where one network is both allowed and
// denied, it is denied. An address that is in none may connect if the list allows no network at
// all. Clients without an IP address (those of UNIX sockets) are in no network and may always
// connect: the permissions of the socket's file are their access list.
//
//     10.0.0.0/8      allow        10.1.2.3     ──► rule 10.1.0.0/16: denied
//     10.1.0.0/16     deny         10.2.3.4     ──► rule 10.0.0.0/8:  allowed
//                                  192.0.2.1    ──► none; something is allowed: denied
//
// Lookup takes one step for six bits of the address, so at most 6 or 22 whatever the number of
// rules: the networks become a tree whose nodes have 64 children, and runs of equal children are
// kept once (a poptrie: Asai and Ohara, SIGCOMM 2015). 100,000 networks take about 5 MB.
//
// Immutable; any thread.
#ifndef SLUICE_PROXY_IDENTITY_ACCESS_LIST_H_
#define SLUICE_PROXY_IDENTITY_ACCESS_LIST_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "conf/access.h"
#include "core/base/intrusive_ptr.h"
#include "core/net/address.h"
#include "core/net/network.h"

namespace sluice::proxy {

// From networks to what is said of them, for one family.
class NetworkTree {
 public:
  static constexpr uint32_t kNone = 0;

  // `value`: what Find returns; not kNone.
  struct Entry {
    core::IpBits first;
    core::IpBits last;
    uint32_t value;
  };

  // Of two entries one contains the other, or they have no address in common; none is there twice.
  explicit NetworkTree(std::vector<Entry> entries);

  // The value of the smallest network that has `address`, or kNone.
  uint32_t Find(core::IpBits address) const;

  size_t bytes() const { return nodes_.size() * sizeof(Node) + leaves_.size() * sizeof(uint32_t); }

 private:
  static constexpr int kStep = 6;  // bits

  // Child i is another node if bit i of `inner` is set. Else it is a leaf: that of the last bit of
  // `leaf` up to i.
  struct Node {
    uint64_t inner = 0;
    uint64_t leaf = 0;
    uint32_t first_node = 0;
    uint32_t first_leaf = 0;
  };

  // Addresses from `first` on, up to the next one's, with the same value.
  struct Run {
    core::IpBits first;
    uint32_t value;
  };

  static std::vector<Run> RunsOf(std::vector<Entry> entries);
  void Fill(size_t node, core::IpBits first, int depth, std::span<const Run> runs);

  std::vector<Node> nodes_;
  std::vector<uint32_t> leaves_;
};

class AccessList final : public core::RefCounted {
 public:
  explicit AccessList(const conf::Access& access);

  struct Decision {
    bool is_allowed;
    uint32_t rule;  // for RuleToString; 0: none
  };
  Decision Decide(const core::Address& client) const;

  // "deny 10.1.0.0/16", with the place in its file if it is from one; "no network" for 0.
  std::string RuleToString(uint32_t rule) const;

  size_t size() const { return rules_.size(); }
  size_t bytes() const { return ipv4_.bytes() + ipv6_.bytes(); }
  const conf::Access& access() const { return access_; }

 private:
  struct Rule {
    core::Network network;
    bool allows;
    const conf::AccessFile* file;  // or null
    uint32_t line;
  };

  // In order, and for each network only what counts.
  static std::vector<Rule> RulesOf(const conf::Access& access);
  static std::vector<NetworkTree::Entry> EntriesOf(const std::vector<Rule>& rules, int family);

  const conf::Access access_;
  const std::vector<Rule> rules_;  // rule n is at n - 1
  const NetworkTree ipv4_;
  const NetworkTree ipv6_;
  const bool allows_the_rest_;
};

// A client has to be let in by both; null: there is no list.
struct AccessLists {
  core::IntrusivePtr<const AccessList> process;
  core::IntrusivePtr<const AccessList> own;

  bool empty() const { return !process && !own; }
  bool Allow(const core::Address& client) const {
    return (!process || process->Decide(client).is_allowed) &&
           (!own || own->Decide(client).is_allowed);
  }
  // Of one that is not let in: what decides, as RuleToString has it.
  std::string RejectingRule(const core::Address& client) const;
};

// Whose PROXY header is believed.
struct TrustedPeers {
  explicit TrustedPeers(const std::vector<conf::TrustedPeer>& peers);

  bool Trust(const core::Address& peer) const {
    return peer.is_unix() ? is_unix : networks && networks->Decide(peer).is_allowed;
  }

  core::IntrusivePtr<const AccessList> networks;  // null: none
  bool is_unix = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_IDENTITY_ACCESS_LIST_H_
