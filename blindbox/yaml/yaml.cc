// SPDX-License-Identifier: Apache-2.0
#include "blindbox/yaml/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

namespace blindbox::yaml {
namespace {

using base::fail;

std::string at(std::string_view name, int line, int column, std::string_view what) {
  return std::string(name) + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + std::string(what);
}

// Builds the tree; throws YAML::ParserException, as the parser around it does, to stop at what we do not take.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(std::size_t max_depth) : max_depth_(max_depth) {}
  Tree take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, "", anchor, Tree::Kind::null); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { stop(mark, "aliases are not taken here"); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Tree& scalar = add(mark, tag, anchor, Tree::Kind::scalar);
    scalar.text = value;
    scalar.plain = tag == "?";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, add(mark, tag, anchor, Tree::Kind::sequence));
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, add(mark, tag, anchor, Tree::Kind::map));
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  [[noreturn]] static void stop(const YAML::Mark& mark, const std::string& what) {
    throw YAML::ParserException(mark, what);
  }

  Tree& add(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Tree::Kind kind) {
    if (anchor != YAML::NullAnchor) stop(mark, "anchors are not taken here");
    // "?" is what a plain value has, "!" a quoted one; anything else somebody wrote.
    if (!tag.empty() && tag != "?" && tag != "!") stop(mark, "tags are not taken here");
    Tree* place = &root_;
    // The address holds while children are open: a parent's vector grows only after its open child has ended.
    if (!open_.empty()) place = &open_.back()->children.emplace_back();
    place->kind = kind;
    place->line = mark.line + 1;
    place->column = mark.column + 1;
    return *place;
  }

  void open(const YAML::Mark& mark, Tree& tree) {
    if (open_.size() == max_depth_) stop(mark, "nested too deep");
    open_.push_back(&tree);
  }

  std::size_t max_depth_;
  Tree root_;
  std::vector<Tree*> open_;
};

const Tree kNothing;

}  // namespace

Result<Tree> load(std::string_view yaml, std::string_view name, ErrorKind kind, std::size_t max_depth) {
  if (!base::is_utf8(yaml)) return fail(kind, std::string(name) + ": not UTF-8");
  try {
    std::istringstream stream{std::string(yaml)};
    YAML::Parser parser(stream);
    Builder builder(max_depth);
    Builder second(max_depth);
    if (!parser.HandleNextDocument(builder)) return fail(kind, at(name, 1, 1, "empty"));
    if (parser.HandleNextDocument(second)) return fail(kind, std::string(name) + ": a second document");
    return builder.take();
  } catch (const YAML::Exception& error) {
    return fail(kind, at(name, error.mark.line + 1, error.mark.column + 1, error.msg));
  } catch (const std::exception& error) {
    return fail(kind, std::string(name) + ": " + error.what());
  }
}

void Node::refuse(std::string_view what) const {
  if (tree_ == &kNothing) return;  // told already: the key is missing
  if (problems_->first.empty()) problems_->first = at(problems_->name, tree_->line, tree_->column, what);
}

std::string Node::text() const {
  if (tree_->kind == Tree::Kind::scalar && !tree_->text.empty()) return tree_->text;
  refuse("expected a text");
  return {};
}

bool Node::boolean() const {
  if (tree_->kind == Tree::Kind::scalar && tree_->plain && (tree_->text == "true" || tree_->text == "false")) {
    return tree_->text == "true";
  }
  refuse("expected true or false");
  return false;
}

std::uint64_t Node::mask() const {
  const std::string_view text = tree_->text;
  std::uint64_t value = 0;
  if (tree_->kind == Tree::Kind::scalar && text.starts_with("0x") && text.size() > 2) {
    const auto [stop, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
    if (error == std::errc{} && stop == text.data() + text.size()) return value;
  }
  refuse("expected a mask such as 0x3f, of at most 64 bits");
  return 0;
}

Map::Map(const Node& node) : node_(node) {
  if (node.tree_->kind != Tree::Kind::map) {
    node.refuse("expected a map of keys");
    node_.tree_ = &kNothing;
  }
  std::set<std::string_view> seen;
  const auto& children = node_.tree_->children;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    const Node key(children[i], *node_.problems_);
    if (children[i].kind != Tree::Kind::scalar) key.refuse("expected a key");
    if (!seen.insert(children[i].text).second) key.refuse("duplicate key " + children[i].text);
  }
}

std::optional<Node> Map::find(std::string_view key) {
  known_.emplace(key);
  const auto& children = node_.tree_->children;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    if (children[i].text == key) return Node(children[i + 1], *node_.problems_);
  }
  return std::nullopt;
}

Node Map::need(std::string_view key) {
  if (const auto found = find(key)) return *found;
  if (node_.tree_ != &kNothing && node_.problems_->missing.empty()) {
    node_.problems_->missing = at(node_.problems_->name, node_.tree_->line, node_.tree_->column,
                                  "the key " + std::string(key) + " is missing");
  }
  return Node(kNothing, *node_.problems_);
}

void Map::finish() const {
  const auto& children = node_.tree_->children;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    if (!known_.contains(children[i].text)) {
      Node(children[i], *node_.problems_).refuse("unknown key " + children[i].text);
    }
  }
}

Sequence::Sequence(const Node& node) : node_(node) {
  if (node.tree_->kind == Tree::Kind::sequence) return;
  node.refuse("expected a list");
  node_.tree_ = &kNothing;
}

std::vector<Node> Sequence::items() const {
  std::vector<Node> out;
  for (const Tree& child : node_.tree_->children) out.emplace_back(child, *node_.problems_);
  return out;
}

}  // namespace blindbox::yaml
