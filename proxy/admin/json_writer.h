// JsonWriter: JSON as it is written, piece by piece, without a tree in memory.
//
//     JsonWriter json;
//     json.BeginObject();
//     json.Field("name", "web");
//     json.Key("addresses");
//     json.BeginArray();
//     json.Value("127.0.0.1:80");
//     json.EndArray();
//     json.EndObject();
//     std::move(json).Finish()  ►  {"name":"web","addresses":["127.0.0.1:80"]}, and a newline
//
// Strings may have any bytes (core/text/json_escape.h).
// Checked by: tests/proxy/admin/json_writer_test.cc.
#ifndef SLUICE_PROXY_ADMIN_JSON_WRITER_H_
#define SLUICE_PROXY_ADMIN_JSON_WRITER_H_

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "core/text/json_escape.h"

namespace sluice::proxy {

class JsonWriter {
 public:
  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }

  void Key(std::string_view key) {
    Separate();
    Quote(key);
    text_ += ':';
    needs_comma_ = false;
  }

  void Value(std::string_view value) {
    Separate();
    Quote(value);
  }
  void Value(const char* value) { Value(std::string_view(value)); }
  void Value(bool value) { Raw(value ? "true" : "false"); }
  template <std::integral Number>
  void Value(Number value) {
    Raw(std::to_string(value));
  }
  void Null() { Raw("null"); }

  template <typename Type>
  void Field(std::string_view key, const Type& value) {
    Key(key);
    Value(value);
  }

  std::string Finish() && { return std::move(text_) + "\n"; }

 private:
  void Separate() {
    if (needs_comma_) text_ += ',';
    needs_comma_ = true;
  }
  void Open(char bracket) {
    Separate();
    text_ += bracket;
    needs_comma_ = false;
  }
  void Close(char bracket) {
    text_ += bracket;
    needs_comma_ = true;
  }
  void Quote(std::string_view text) {
    text_ += '"';
    core::AppendJsonEscaped(text, text_);
    text_ += '"';
  }
  void Raw(std::string_view text) {
    Separate();
    text_ += text;
  }

  std::string text_;
  bool needs_comma_ = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_JSON_WRITER_H_
