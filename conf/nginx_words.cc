#include "conf/nginx_words.h"

#include <algorithm>
#include <utility>

#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr int kMostDepth = 64;

using Directive = NginxDirective;

class Parser {
 public:
  Parser(std::string_view text, Converted& out) : text_(text), out_(out) {}

  std::vector<Directive> Parse(int depth = 0) {
    std::vector<Directive> all;
    Directive next;
    std::string token;
    while (Next(token)) {
      const bool is_mark = !is_quoted_ && (token == ";" || token == "{" || token == "}");
      if (!is_mark) {
        if (next.words.empty()) next.line = line_;
        next.words.push_back(token);
        continue;
      }
      if (token == "}") return all;
      if (token == "{") {
        if (depth == kMostDepth) {
          out_.Note(line_, "blocks are nested too deeply: the rest is not read");
          text_ = {};
          return all;
        }
        next.block = Parse(depth + 1);
      }
      if (!next.words.empty()) all.push_back(std::move(next));
      next = {};
    }
    return all;
  }

 private:
  bool Next(std::string& token) {
    token.clear();
    is_quoted_ = false;
    while (!text_.empty()) {
      const char c = text_[0];
      if (c == '#') {
        text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        Take();
      } else {
        break;
      }
    }
    if (text_.empty()) return false;
    if (std::string_view(";{}").find(text_[0]) != std::string_view::npos) {
      token = Take();
      return true;
    }
    const char quote = text_[0] == '"' || text_[0] == '\'' ? Take() : '\0';
    is_quoted_ = quote != 0;
    while (!text_.empty()) {
      const char c = text_[0];
      if (quote != 0 ? c == quote : std::string_view(" \t\r\n;").find(c) != std::string_view::npos)
        break;
      if (quote == 0 && c == '{' && !token.ends_with('$')) break;
      if (c == '\\' && text_.size() > 1) Take();
      token += Take();
    }
    if (quote != 0 && !text_.empty()) Take();
    return true;
  }

  char Take() {
    const char c = text_[0];
    if (c == '\n') ++line_;
    text_.remove_prefix(1);
    return c;
  }

  std::string_view text_;
  Converted& out_;
  int line_ = 1;
  bool is_quoted_ = false;
};

}  // namespace

std::vector<Directive> NginxDirectives(std::string_view text, Converted& out) {
  return Parser(text, out).Parse();
}

std::string NginxTime(const std::string& text) {
  if (ParseDecimal(text)) return text + "s";
  if (text.find_first_of("wMy") != text.npos) return "";
  return text;
}

}  // namespace sluice::conf
