#include "proxy/identity/access_list.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace sluice::proxy {
namespace {

using core::IpBits;

constexpr int kBits = 128;

// Bits 0 to i.
uint64_t UpTo(unsigned i) { return ~uint64_t{0} >> (63 - i); }

// The number of the child that `address` is in, below a node at `depth` bits.
unsigned ChildOf(IpBits address, int depth) {
  return static_cast<unsigned>((address << depth) >> (kBits - 6));
}

// Also not what is denied as well.
bool AllowsNothing(const conf::Access& access) {
  return access.allow.empty() && std::ranges::none_of(access.files, [](const auto& file) {
           return file.rules && std::ranges::any_of(*file.rules, &conf::AccessRule::allows);
         });
}

}  // namespace

NetworkTree::NetworkTree(std::vector<Entry> entries) {
  const std::vector<Run> runs = RunsOf(std::move(entries));
  nodes_.emplace_back();
  Fill(0, 0, 0, runs);
  nodes_.shrink_to_fit();
  leaves_.shrink_to_fit();
}

// From networks that contain each other to intervals that do not: those that are open are a stack.
std::vector<NetworkTree::Run> NetworkTree::RunsOf(std::vector<Entry> entries) {
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    return std::tie(a.first, b.last) < std::tie(b.first, a.last);  // the larger network comes first
  });
  std::vector<Run> runs = {{.first = 0, .value = kNone}};
  const auto begin_run = [&runs](IpBits first, uint32_t value) {
    if (runs.back().first == first) runs.pop_back();
    if (runs.empty() || runs.back().value != value) runs.push_back({first, value});
  };
  std::vector<Entry> open;
  const auto close_until = [&](const Entry* next) {
    while (!open.empty() && (next == nullptr || open.back().last < next->first)) {
      const IpBits last = open.back().last;
      open.pop_back();
      if (last == ~IpBits{0}) continue;  // nothing comes after it
      begin_run(last + 1, open.empty() ? kNone : open.back().value);
    }
  };
  for (const Entry& entry : entries) {
    close_until(&entry);
    begin_run(entry.first, entry.value);
    open.push_back(entry);
  }
  close_until(nullptr);
  return runs;
}

// `runs` are those that begin in the node's addresses, and before them the one that goes on there.
void NetworkTree::Fill(size_t node, IpBits first, int depth, std::span<const Run> runs) {
  Node filled;
  filled.first_leaf = static_cast<uint32_t>(leaves_.size());
  struct Inner {
    IpBits first;
    std::span<const Run> runs;
  };
  std::vector<Inner> inner;
  bool has_leaf = false;
  for (unsigned i = 0; i < 64; ++i) {
    const IpBits child_first = first | (IpBits{i} << (kBits - kStep) >> depth);
    const IpBits child_last = child_first | (~IpBits{0} >> kStep >> depth);
    const auto begins_after = [](IpBits address, const Run& run) { return address < run.first; };
    const auto from = std::upper_bound(runs.begin(), runs.end(), child_first, begins_after) - 1;
    const auto to = std::upper_bound(from, runs.end(), child_last, begins_after);
    if (to - from > 1) {
      filled.inner |= uint64_t{1} << i;
      inner.push_back({child_first, std::span<const Run>(from, to)});
    } else if (!has_leaf || leaves_.back() != from->value) {
      filled.leaf |= uint64_t{1} << i;
      leaves_.push_back(from->value);
      has_leaf = true;
    }
  }
  filled.first_node = static_cast<uint32_t>(nodes_.size());
  nodes_.resize(nodes_.size() + inner.size());
  nodes_[node] = filled;
  for (size_t i = 0; i < inner.size(); ++i) {
    Fill(filled.first_node + i, inner[i].first, depth + kStep, inner[i].runs);
  }
}

uint32_t NetworkTree::Find(IpBits address) const {
  const Node* node = nodes_.data();
  for (int depth = 0;; depth += kStep) {
    const unsigned child = ChildOf(address, depth);
    const uint64_t up_to = UpTo(child);
    if ((node->inner >> child & 1) == 0) {
      return leaves_[node->first_leaf + static_cast<uint32_t>(std::popcount(node->leaf & up_to)) -
                     1];
    }
    node =
        &nodes_[node->first_node + static_cast<uint32_t>(std::popcount(node->inner & up_to)) - 1];
  }
}

AccessList::AccessList(const conf::Access& access)
    : access_(access),
      rules_(RulesOf(access_)),
      ipv4_(EntriesOf(rules_, AF_INET)),
      ipv6_(EntriesOf(rules_, AF_INET6)),
      allows_the_rest_(AllowsNothing(access_)) {}

std::vector<AccessList::Rule> AccessList::RulesOf(const conf::Access& access) {
  std::vector<Rule> rules;
  for (const core::Network& network : access.allow) rules.push_back({network, true, nullptr, 0});
  for (const core::Network& network : access.deny) rules.push_back({network, false, nullptr, 0});
  for (const conf::AccessFile& file : access.files) {
    if (!file.rules) continue;
    for (const conf::AccessRule& rule : *file.rules) {
      rules.push_back({rule.network, rule.allows, &file, rule.line});
    }
  }
  // Of one network, a rule that denies it is first; else the first in the order above.
  const auto key = [&rules](size_t i) {
    const Rule& rule = rules[i];
    return std::make_tuple(rule.network.family(), rule.network.first(), rule.network.length(),
                           rule.allows, i);
  };
  std::vector<size_t> order(rules.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, key);
  std::vector<Rule> sorted;
  for (const size_t i : order) {
    if (sorted.empty() || sorted.back().network != rules[i].network) sorted.push_back(rules[i]);
  }
  return sorted;
}

std::vector<NetworkTree::Entry> AccessList::EntriesOf(const std::vector<Rule>& rules, int family) {
  std::vector<NetworkTree::Entry> entries;
  for (size_t i = 0; i < rules.size(); ++i) {
    const core::Network& network = rules[i].network;
    if (network.family() != family) continue;
    entries.push_back(
        {.first = network.first(), .last = network.last(), .value = static_cast<uint32_t>(i + 1)});
  }
  return entries;
}

AccessList::Decision AccessList::Decide(const core::Address& client) const {
  if (!client.is_ip()) return {.is_allowed = client.is_unix() || allows_the_rest_, .rule = 0};
  const core::Address address = client.Unmapped();
  const NetworkTree& tree = address.family() == AF_INET ? ipv4_ : ipv6_;
  const uint32_t rule = tree.Find(core::BitsOf(address));
  if (rule == NetworkTree::kNone) return {.is_allowed = allows_the_rest_, .rule = 0};
  return {.is_allowed = rules_[rule - 1].allows, .rule = rule};
}

std::string AccessList::RuleToString(uint32_t rule) const {
  if (rule == 0) return "no network";
  const Rule& found = rules_[rule - 1];
  const std::string text =
      absl::StrCat(found.allows ? "allow " : "deny ", found.network.ToString());
  if (found.file == nullptr) return text;
  return absl::StrCat(text, " (", found.file->path, ":", found.line, ")");
}

std::string AccessLists::RejectingRule(const core::Address& client) const {
  for (const AccessList* const list : {process.get(), own.get()}) {
    if (list == nullptr) continue;
    const AccessList::Decision decision = list->Decide(client);
    if (!decision.is_allowed) return list->RuleToString(decision.rule);
  }
  return "";
}

TrustedPeers::TrustedPeers(const std::vector<conf::TrustedPeer>& peers) {
  conf::Access access;
  for (const conf::TrustedPeer& peer : peers) {
    is_unix |= peer.is_unix;
    if (!peer.is_unix) access.allow.push_back(peer.network);
  }
  if (!access.empty()) networks = core::MakeRef<const AccessList>(access);
}

}  // namespace sluice::proxy
