#include "conf/json_schema.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "conf/config.h"
#include "conf/descriptions.h"
#include "conf/schema/keys.h"
#include "conf/schema/schema.h"
#include "conf/schema/shape.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Json = nlohmann::ordered_json;  // in the order of the schema

constexpr std::string_view kEnvironmentPattern = R"(\$\{)";

// Any value may be text that takes it from the environment.
Json Environment() { return {{"$ref", "#/definitions/environment"}}; }

std::string OrEnvironment(std::string_view pattern) {
  return Cat(pattern, "|", kEnvironmentPattern);
}

Json CountForm(const Form& form) {
  std::string texts;
  for (const std::string& word : form.words) texts += word + "|";
  return {{"type", {"integer", "string"}},
          {"minimum", form.min},
          {"maximum", form.max},
          {"pattern", OrEnvironment(Cat("^(", texts, "[0-9]+)$"))}};
}

// Of a text that YAML may take for a number or for true or false. `pattern` looks at strings only.
Json TextForm(const Form& form) {
  Json json = {{"type", "string"}};
  if (!form.is_always_string) json["type"] = {"string", "number", "boolean"};
  if (!form.pattern.empty()) json["pattern"] = OrEnvironment(form.pattern);
  return json;
}

Json SchemaOfForm(const Form& form) {
  if (form.has_only_words) {
    return {{"anyOf", Json::array({{{"enum", form.words}}, Environment()})}};
  }
  Json json;
  if (form.kind == Form::Kind::kFlag) {
    json = {{"type", {"boolean", "string"}}, {"pattern", OrEnvironment("^(true|false)$")}};
  } else {
    json = form.kind == Form::Kind::kCount ? CountForm(form) : TextForm(form);
  }
  if (!form.words.empty()) json["examples"] = form.words;
  return json;
}

// Null: no text stands for the value that the field has.
std::optional<Json> ValueOf(const Scalar& scalar) {
  const std::string text = scalar.format();
  if (text.empty() && scalar.clear) return std::nullopt;
  if (scalar.form.kind == Form::Kind::kFlag) return Json(text == "true");
  const std::optional<uint64_t> number = ParseDecimal(text);
  if (scalar.form.kind == Form::Kind::kCount && number) return Json(*number);
  return Json(text);
}

std::optional<Json> DefaultOf(const Shape& shape) {
  if (const auto* scalar = std::get_if<Scalar>(&shape)) return ValueOf(*scalar);
  const auto* list = std::get_if<List>(&shape);
  if (list == nullptr || (list->size() == 0 && !list->may_be_empty)) return std::nullopt;
  Json items = Json::array();
  for (size_t i = 0; i < list->size(); ++i) {
    const Shape item = list->item(i);
    const auto* scalar = std::get_if<Scalar>(&item);
    const std::optional<Json> value = scalar == nullptr ? std::nullopt : ValueOf(*scalar);
    if (!value) return std::nullopt;
    items.push_back(*value);
  }
  return items;
}

Json SchemaOf(const std::string& path, const Shape& shape, const Descriptions& descriptions);

// The members of one mapping.
class ObjectWriter : public Visitor {
 public:
  // `prefix`: of the paths of its keys.
  ObjectWriter(std::string prefix, const Descriptions& descriptions)
      : prefix_(std::move(prefix)), descriptions_(descriptions) {}

  void Field(std::string_view key, const Shape& shape, Presence presence) override {
    const std::string path = Cat(prefix_, key);
    Json json;
    json["description"] = Cat(descriptions_.Of(path), "\n\nAllowed: ", AllowedFor(shape), ".");
    // Before the shape is looked into: that adds an item to a list.
    const std::optional<Json> value = DefaultOf(shape);
    if (value && presence == Presence::kOptional) json["default"] = *value;
    json.update(SchemaOf(path, shape, descriptions_));
    properties_[std::string(key)] = std::move(json);
    if (presence == Presence::kRequired) required_.emplace_back(key);
  }

  Json Take() {
    Json json = {{"type", "object"}, {"properties", std::move(properties_)}};
    if (!required_.empty()) json["required"] = required_;
    json["additionalProperties"] = false;
    return json;
  }

 private:
  const std::string prefix_;
  const Descriptions& descriptions_;
  Json properties_ = Json::object();
  std::vector<std::string> required_;
};

// What a text in place of a mapping is read as.
class ShorthandFinder : public Visitor {
 public:
  explicit ShorthandFinder(std::string_view key) : key_(key) {}
  void Field(std::string_view key, const Shape& shape, Presence) override {
    if (key == key_) form_ = std::get<Scalar>(shape).form;
  }
  const Form& form() const { return form_; }

 private:
  const std::string_view key_;
  Form form_;
};

Json SchemaOfMap(const std::string& path, const Map& map, const Descriptions& descriptions) {
  ObjectWriter writer(path + ".", descriptions);
  map.fields(writer);
  if (map.shorthand.empty()) return writer.Take();
  ShorthandFinder finder(map.shorthand);
  map.fields(finder);
  return {{"anyOf", Json::array({SchemaOfForm(finder.form()), writer.Take()})}};
}

Json SchemaOf(const std::string& path, const Shape& shape, const Descriptions& descriptions) {
  if (const auto* scalar = std::get_if<Scalar>(&shape)) return SchemaOfForm(scalar->form);
  if (const auto* map = std::get_if<Map>(&shape)) return SchemaOfMap(path, *map, descriptions);
  const auto& list = std::get<List>(shape);
  list.add();
  const Json item = SchemaOf(path + "[]", list.item(list.size() - 1), descriptions);
  Json items = {{"type", "array"}, {"items", item}};
  if (!list.may_be_empty) items["minItems"] = 1;
  if (!list.takes_single) return items;
  return {{"anyOf", Json::array({item, std::move(items)})}};
}

// The key that is resolved before the schema is asked (conf/include.h).
Json Include(const Descriptions& descriptions) {
  const Json path = {{"type", "string"}, {"minLength", 1}};
  return {{"description", Cat(descriptions.Of("include"), "\n\nAllowed: one path or a list.")},
          {"anyOf", Json::array({path, {{"type", "array"}, {"items", path}}})}};
}

// A file is whole, or takes listeners and upstreams from others, or is one of those others.
Json WhatAFileHas() {
  const auto with_keys = [](const std::vector<std::string>& keys) {
    return Json{{"required", keys}};
  };
  return Json::array(
      {with_keys({"listeners", "upstreams"}),
       with_keys({"include"}),
       {{"propertyNames", {{"pattern", "^(include|listeners|upstreams|x-.*)$"}}},
        {"anyOf", Json::array({with_keys({"listeners"}), with_keys({"upstreams"})})}}});
}

}  // namespace

std::string JsonSchema() {
  const Descriptions descriptions;
  Config scratch;
  ObjectWriter writer("", descriptions);
  Describe(scratch).fields(writer);
  const Json root = writer.Take();
  Json properties = {{"include", Include(descriptions)}};
  properties.update(root["properties"]);
  const Json schema = {
      {"$schema", "http://json-schema.org/draft-07/schema#"},
      {"title", "Configuration of Sluice"},
      {"description", "A TCP reverse proxy. `sluice --check` also tells what no schema can."},
      {"type", "object"},
      {"properties", std::move(properties)},
      {"patternProperties", {{"^x-", {{"description", "Holds anchors; it is not read."}}}}},
      {"additionalProperties", false},
      {"anyOf", WhatAFileHas()},
      {"definitions",
       {{"environment",
         {{"description", "Text that takes a value from the environment: ${NAME}."},
          {"type", "string"},
          {"pattern", kEnvironmentPattern}}}}}};
  return schema.dump(2) + "\n";
}

}  // namespace sluice::conf
