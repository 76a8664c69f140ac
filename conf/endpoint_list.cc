#include "conf/endpoint_list.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "conf/schema/discovery_shapes.h"
#include "conf/schema/shape.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr size_t kMostErrors = 20;  // further ones would hardly be read

// Gives the text to the parser, and knows how much it has taken: values have places that way.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** taken) : at_(at), taken_(taken) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    if (taken_ != nullptr) *taken_ = at_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) { return !(a == b); }

 private:
  const char* at_;
  const char** taken_;
};

// The keys of an endpoint.
class FieldFinder : public Visitor {
 public:
  explicit FieldFinder(std::string_view wanted) : wanted_(wanted) {}
  void Field(std::string_view key, const Shape& shape, Presence presence) override {
    names_.emplace_back(key);
    if (key == wanted_) found_ = std::get<Scalar>(shape);
    if (presence == Presence::kRequired) required_.emplace_back(key);
  }
  const std::optional<Scalar>& found() const { return found_; }
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<std::string>& required() const { return required_; }

 private:
  const std::string_view wanted_;
  std::optional<Scalar> found_;
  std::vector<std::string> names_;
  std::vector<std::string> required_;
};

// What the parser tells, in the order of the text:
//
//   OUTSIDE ── [ ──► IN LIST ── { ──► IN ENDPOINT ── a key ──► AT VALUE
//                     │  ▲              │  ▲                     │
//                     │  └────── } ─────┘  └───── its value ─────┘
//                     └── ] ──► ENDED
//
// It returns false where nothing of the rest could be understood.
class ListReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  ListReader(std::string_view text, std::string_view filename)
      : text_(text), taken_(text.data()), mark_(text.data()), errors_(filename) {}

  bool Read() {
    const CountingIterator begin(text_.data(), &taken_);
    const CountingIterator end(text_.data() + text_.size(), nullptr);
    return nlohmann::json::sax_parse(begin, end, this);
  }
  EndpointList Take() {
    return {.endpoints = std::move(endpoints_), .errors = errors_.Take(), .is_blank = false};
  }

  bool null() override { return Value("nothing (null)"); }
  bool boolean(bool value) override { return Value(value ? "true" : "false"); }
  bool number_integer(int64_t value) override { return Number(Cat(value)); }
  bool number_unsigned(uint64_t value) override { return Number(Cat(value)); }
  bool number_float(double, const std::string& text) override { return Number(text); }
  bool string(std::string& text) override {
    const Position at = Next();
    if (state_ != State::kAtValue) return Misplaced(at, "a text");
    state_ = State::kInEndpoint;
    if (key_ != "address" && key_ != "name" && key_ != "state" && key_shape_) {
      return Fail(at,
                  WithAllowed(Cat("a number is needed, not ", Quoted(text)), key_shape_->allowed));
    }
    return Store(at, text);
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // JSON has none

  bool start_object(size_t) override {
    const Position at = Next();
    if (state_ != State::kInList) return Misplaced(at, "an object");
    if (endpoints_.size() == kMostListed) {
      errors_.Add(at, Cat("there are more endpoints than the limit of ", kMostListed));
      return false;
    }
    state_ = State::kInEndpoint;
    endpoint_at_ = at;
    keys_.clear();
    endpoints_.emplace_back();
    return true;
  }
  bool key(std::string& key) override {
    const Position at = Next();
    state_ = State::kAtValue;
    key_ = key;
    FieldFinder fields(key_);
    ShapeOfListed(endpoints_.back()).fields(fields);
    key_shape_ = fields.found();
    if (!key_shape_) {
      return Fail(
          at, WithAllowed(Cat("unknown key ", Quoted(key), errors_.DidYouMean(key, fields.names())),
                          JoinNames(fields.names())));
    }
    if (keys_.insert(key_).second) return true;
    return Fail(at, Cat("the key ", Quoted(key), " is here for the second time"));
  }
  bool end_object() override {
    FieldFinder fields("");
    ShapeOfListed(endpoints_.back()).fields(fields);
    for (const std::string& required : fields.required()) {
      if (keys_.contains(required)) continue;
      if (!Fail(endpoint_at_, Cat("the required key ", Quoted(required), " is missing")))
        return false;
    }
    state_ = State::kInList;
    Mark();
    return CheckName();
  }
  bool start_array(size_t) override {
    const Position at = Next();
    if (state_ != State::kOutside) {
      (void)Misplaced(at, "a list");
      return false;
    }
    state_ = State::kInList;
    return true;
  }
  bool end_array() override {
    state_ = State::kOutside;
    Mark();
    return true;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const size_t offset = std::min(position > 0 ? position - 1 : 0, text_.size());
    errors_.Add(PositionIn(offset), Cat("this is not JSON: ", WhyNot(error.what())));
    return false;
  }

 private:
  enum class State { kOutside, kInList, kInEndpoint, kAtValue };

  // What the parser says, behind what it says of places.
  static std::string WhyNot(std::string_view what) {
    if (const size_t id = what.find("] "); what.starts_with("[") && id != what.npos) {
      what.remove_prefix(id + 2);
    }
    constexpr std::string_view kBefore = " - ";
    if (const size_t at = what.find(kBefore); at != what.npos) {
      what.remove_prefix(at + kBefore.size());
    }
    return std::string(what);
  }

  bool Number(const std::string& text) {
    const Position at = Next();
    if (state_ != State::kAtValue) return Misplaced(at, "a number");
    state_ = State::kInEndpoint;
    if (key_shape_ && (key_ == "address" || key_ == "name" || key_ == "state")) {
      return Fail(at,
                  WithAllowed(Cat("a text in quotes is needed, not ", text), key_shape_->allowed));
    }
    return Store(at, text);
  }
  bool Value(std::string_view what) {
    const Position at = Next();
    if (state_ != State::kAtValue) return Misplaced(at, what);
    state_ = State::kInEndpoint;
    if (!key_shape_) return true;
    return Fail(at, WithAllowed(Cat(Quoted(key_), " cannot be ", what), key_shape_->allowed));
  }
  bool Store(Position at, std::string_view text) {
    if (!key_shape_) return true;
    const absl::Status parsed = key_shape_->parse(text);
    if (parsed.ok()) return true;
    return Fail(at, WithAllowed(Cat(key_, ": ", Message(parsed)), key_shape_->allowed));
  }
  bool Misplaced(Position at, std::string_view what) {
    switch (state_) {
      case State::kOutside:
        errors_.Add(at, Cat("a list of endpoints is needed, not ", what));
        return false;
      case State::kInList:
        return Fail(at, Cat("an object with the keys of an endpoint is needed, not ", what));
      case State::kAtValue:
      case State::kInEndpoint:
        errors_.Add(at, Cat(Quoted(key_), " cannot be ", what));
        return false;
    }
    return false;
  }

  bool CheckName() {
    const std::string& name = endpoints_.back().name;
    if (name.empty()) return true;
    const auto [first, is_new] = names_.emplace(name, endpoint_at_);
    if (is_new) return true;
    return Fail(endpoint_at_,
                Cat("name: ", Quoted(name), " is here for the second time; the first is at ",
                    FormatPosition(first->second)));
  }

  // Returns whether to go on.
  bool Fail(Position at, std::string_view message) {
    errors_.Add(at, message);
    return ++failures_ < kMostErrors;
  }

  void Mark() { mark_ = std::max(mark_, taken_); }
  // Where the value begins that the parser has just read.
  Position Next() {
    const char* const end = text_.data() + text_.size();
    const char* begin = mark_;
    while (begin < end &&
           (kBlanks.find(*begin) != kBlanks.npos || *begin == ',' || *begin == ':')) {
      ++begin;
    }
    Mark();
    return PositionIn(static_cast<size_t>(begin - text_.data()));
  }
  // The places come in order: each line is counted once.
  Position PositionIn(size_t offset) {
    if (offset < counted_) return PositionOf(text_, offset);
    for (; counted_ < offset; ++counted_) {
      if (text_[counted_] != '\n') continue;
      ++line_;
      line_at_ = counted_ + 1;
    }
    return {.line = line_, .column = static_cast<int>(offset - line_at_) + 1};
  }

  const std::string_view text_;
  const char* taken_;
  const char* mark_;  // behind what has been looked at
  size_t counted_ = 0;
  size_t line_at_ = 0;
  int line_ = 1;
  Errors errors_;
  size_t failures_ = 0;
  State state_ = State::kOutside;
  Position endpoint_at_;
  std::string key_;
  std::optional<Scalar> key_shape_;  // none: the key is unknown
  std::set<std::string> keys_;       // of this endpoint
  std::map<std::string, Position> names_;
  std::vector<Endpoint> endpoints_;
};

EndpointList Failed(std::string_view filename, std::string_view message) {
  EndpointList list;
  list.errors.push_back({std::string(filename), kWholeFile, std::string(message)});
  return list;
}

}  // namespace

EndpointList ReadEndpointList(std::string_view text, std::string_view filename) {
  if (text.size() > kMostListBytes) {
    return Failed(filename, Cat("the file is larger than the limit of ", kMostListBytes, " bytes"));
  }
  text = WithoutByteOrderMark(text);
  if (text.find_first_not_of(kBlanks) == text.npos) {
    EndpointList blank;
    blank.is_blank = true;
    return blank;
  }
  ListReader reader(text, filename);
  reader.Read();
  return reader.Take();
}

}  // namespace sluice::conf
