#include "tests/sim/health_model.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/random.h"

namespace sluice::sim {
namespace {

constexpr core::Duration kPhase = 3s;  // for so long an endpoint stays sick or well

bool Has(std::string_view line, std::string_view text) {
  return line.find(text) != std::string_view::npos;
}

}  // namespace

bool HealthModel::IsSick(const Probe& probe) const {
  const auto phase = static_cast<uint64_t>(clock_.Now().since_origin() / kPhase);
  const uint64_t chance =
      core::Mix(scenario_.options.seed * 1000 + phase * 10 + probe.endpoint + 5 * probe.upstream);
  return chance % 3 == 0;
}

void HealthModel::ChooseCheck(Probe& probe) {
  const bool fails = random_.Chance(IsSick(probe) ? 900 : 100);
  const std::string right = "+PONG\r\n";
  if (!fails) {
    probe.says = right;
    probe.is_right = true;
    probe.ends = random_.Chance(200);
    return;
  }
  switch (random_.Below(6)) {
    case 0:
      probe.connect_error = ECONNREFUSED;
      return;
    case 1:
      probe.is_lost = true;
      return;
    case 2:  // it says nothing
      probe.ends = random_.Chance(300);
      return;
    case 3:
      probe.says = "-LOADING\r\n";
      probe.ends = random_.Chance(300);
      return;
    case 4:
      probe.says = "+PON";
      probe.ends = true;
      return;
    default:
      probe.connect_error = random_.Chance(500) ? ENOBUFS : EADDRNOTAVAIL;
  }
}

void HealthModel::ChooseAgent(Probe& probe) {
  constexpr std::array<std::string_view, 8> kLines = {
      "up ready", "ready,up", "down # tired", "fail", "drain", "maint up", "stopped ready", ""};
  probe.line = kLines[IsSick(probe) ? random_.Below(kLines.size()) : 0];
  probe.says = probe.line + (random_.Chance(500) ? "\n" : "\r\nup down");
  probe.is_right = true;
  if (!random_.Chance(300)) return;
  probe.is_right = false;  // it lies: nothing may follow
  switch (random_.Below(5)) {
    case 0:
      probe.connect_error = ECONNREFUSED;
      return;
    case 1:
      probe.is_lost = true;
      return;
    case 2:
      probe.says = "dow";  // never the end of it
      return;
    case 3:
      probe.says = std::string(3000, 'd');
      return;
    default:
      probe.says = "dwon n% #down\n";
  }
}

Probe& HealthModel::Begins(uint32_t upstream, uint32_t endpoint, uint16_t port) {
  Probe& probe = probes_.emplace_back();
  probe.upstream = upstream;
  probe.endpoint = endpoint;
  probe.is_agent = port == kAgentPort;
  probe.since = clock_.Now();
  probe.reloads = reloads_;
  Pool& pool = model_.current();
  if (pool.upstream == upstream) probe.place = model_.Find(pool, endpoint);
  if (probe.is_agent) {
    ChooseAgent(probe);
  } else {
    ChooseCheck(probe);
  }
  if (Place* const place = probe.place; place != nullptr && !probe.is_agent) {
    if (place->is_being_checked) trace_.Fail("endpoint %d is checked twice at a time", endpoint);
    place->is_being_checked = true;
  }
  return probe;
}

// A reload may have ended it; an answer may have come too late, or just in time.
HealthModel::Result HealthModel::ResultOf(const Probe& probe) const {
  if (probe.reloads != reloads_ || probe.place == nullptr) return Result::kUnknown;
  if (probe.connect_error == ENOBUFS || probe.connect_error == EADDRNOTAVAIL) {
    return Result::kNotMade;
  }
  if (probe.connect_error != 0) return Result::kFailed;
  const bool is_late = clock_.Now() + kTolerance >= probe.since + scenario_.check_timeout;
  const bool is_passed =
      probe.is_connected && (!scenario_.checks_talk ||
                             (probe.is_right && probe.socket->total_read >= probe.says.size() - 2));
  if (is_passed) return is_late ? Result::kUnknown : Result::kPassed;
  const bool is_over = probe.is_connected && probe.ends && !probe.is_right;
  return is_late || is_over ? Result::kFailed : Result::kUnknown;
}

void HealthModel::Ends(Probe& probe) {
  Place* const place = probe.place;
  if (probe.is_agent) {
    asked_last_ = place;
    const bool is_said =
        probe.is_right && probe.is_connected && probe.socket->total_read > probe.line.size();
    said_last_ = is_said ? probe.line : "";
    return;
  }
  ended_last_ = place;
  if (place == nullptr) return;
  place->is_being_checked = false;
  const Result result = ResultOf(probe);
  if (result == Result::kUnknown) place->is_unsure = true;
  if (result == Result::kPassed || result == Result::kFailed) {
    Note(*place, result == Result::kPassed);
  }
}

void HealthModel::Note(Place& place, bool passed) {
  if (place.is_unsure) return;
  const bool is_up = !place.is_new && !place.is_down;
  if (!place.is_new && passed == is_up) {
    place.against = 0;
    return;
  }
  ++place.against;
  if (place.is_new || place.against >= (passed ? scenario_.rise : scenario_.fall)) {
    place.owes = passed ? Place::Owes::kUp : Place::Owes::kDown;
  }
}

void HealthModel::CheckTransition(Place& place, bool is_down, std::string_view line) {
  const Place::Owes owed = is_down ? Place::Owes::kDown : Place::Owes::kUp;
  if (!place.is_unsure && place.owes != owed) {
    trace_.Fail("%d checks in a row: not true, or too early: %s", place.against, line);
  }
  if (is_down && !place.is_down && !place.is_new) place.down_at = clock_.Now();
  place.owes = Place::Owes::kNothing;
  place.is_new = place.is_unsure = false;
  place.is_down = is_down;
  place.against = 0;
  Apply(place);
}

// Of those that are to serve at most half, but one.
void HealthModel::CheckEjection(Place& place, std::string_view line) {
  place.is_ejected = true;
  ++place.ejections;
  // One may not be counted yet.
  if (place.failures + 1 < uint64_t{scenario_.failures} * place.ejections) {
    trace_.Fail("%d failures are not enough: %s", place.failures, line);
  }
  size_t to_serve = 0;
  size_t ejected = 0;
  for (const Place* each : model_.current().members) {
    if (each->now.weight == 0 || each->now.is_drained || each->is_unused) continue;
    ++to_serve;
    if (each->is_ejected) ++ejected;
  }
  const bool is_known = model_.current().changes_of_members == 0;
  if (is_known && ejected > std::max<size_t>(to_serve / 2, 1)) {
    trace_.Fail("%d of %d endpoints are ejected: %s", ejected, to_serve, line);
  }
  Apply(place);
}

// "… is down for its agent, which says "fail""
void HealthModel::CheckAgent(std::string_view line, bool says) {
  Place* const place = asked_last_;
  if (place == nullptr) return;
  const bool is_said =
      !said_last_.empty() && Has(line, absl::StrCat("\"", absl::CHexEscape(said_last_), "\""));
  if (says && !is_said) trace_.Fail("its agent has said \"%s\", but: %s", said_last_, line);
  if (Has(line, " is down for")) place->is_agent_down = true;
  if (Has(line, " is up for")) place->is_agent_down = false;
  if (Has(line, " is out of use for")) place->is_unused = true;
  if (Has(line, " is in use for")) place->is_unused = false;
  const bool word_down =
      Has(said_last_, "down") || Has(said_last_, "fail") || Has(said_last_, "stopped");
  if (place->is_agent_down && Has(line, " is down for") && !word_down) {
    trace_.Fail("no word of \"%s\" says so: %s", said_last_, line);
  }
  Apply(*place);
}

void HealthModel::Apply(Place& place) {
  model_.SetOut(place, place.is_new || place.is_down || place.is_ejected || place.is_agent_down ||
                           place.is_unused);
}

// "upstream sim: endpoint 10.2.0.1:3000 …"
Place* HealthModel::PlaceNamed(std::string_view line) const {
  const size_t at = line.find("endpoint 10.2.");
  unsigned upstream = 0;
  unsigned number = 0;
  if (at == std::string_view::npos) return nullptr;
  const std::string rest(line.substr(at));
  if (std::sscanf(rest.c_str(), "endpoint 10.2.%u.%u:3000", &upstream, &number) != 2)
    return nullptr;
  Pool& pool = model_.current();
  return pool.upstream == upstream ? model_.Find(pool, number - 1) : nullptr;
}

void HealthModel::Log(std::string_view line) {
  if (Has(line, ": no new connections")) is_ending_ = true;
  if (!line.starts_with("upstream ") || !Has(line, ": endpoint 10.2.")) return;
  if (Has(line, " for its agent, which says ")) return CheckAgent(line, /*says=*/true);
  const bool is_down = Has(line, " is down: ") && Has(line, " failed");
  if (is_down || Has(line, " is up: ")) {
    if (ended_last_ != nullptr) CheckTransition(*ended_last_, is_down, line);
    return;
  }
  Place* const place = PlaceNamed(line);
  if (place == nullptr) return;
  if (Has(line, " is ejected for ")) CheckEjection(*place, line);
  if (Has(line, ": its ejection is over")) {
    place->is_ejected = false;
    Apply(*place);
  }
}

void HealthModel::CheckAtRest() {
  if (!scenario_.has(Fault::kChecks)) return;
  if (is_ending_) return;  // a check that is over when its process ends changes nothing any more
  for (const Place* place : model_.current().members) {
    if (place->owes == Place::Owes::kNothing || place->is_unsure) continue;
    trace_.Fail("endpoint %d: %d checks in a row, and nothing has changed", place->endpoint,
                place->against);
  }
}

void ProbePeer::SocketChanged(Socket&) {
  if (over_) return;
  std::array<std::byte, 256> bytes;
  while (network_.Read(socket_, bytes.data(), bytes.size()) > 0) heard_ = true;
  if (!socket_.fin_arrived && !socket_.reset_arrived) return Act();
  over_ = true;
  network_.Close(socket_, false);
}

void ProbePeer::Act() {
  if (over_ || (!probe_.is_agent && !heard_)) return;
  while (said_ < probe_.says.size()) {
    const size_t piece =
        std::min<size_t>(1 + network_.random().Below(6), probe_.says.size() - said_);
    const auto* const bytes = reinterpret_cast<const std::byte*>(probe_.says.data() + said_);
    const int64_t taken = network_.Write(socket_, bytes, piece);
    if (taken <= 0) return;  // later
    said_ += static_cast<size_t>(taken);
  }
  if (!probe_.ends) return;
  over_ = true;
  network_.Close(socket_, false);
}

}  // namespace sluice::sim
