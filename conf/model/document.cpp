// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>

namespace detour::model {
namespace {

// Ours has 5 levels.
constexpr std::size_t max_depth = 16;

struct TooDeep {
    Position position;
};

Position position_of(const YAML::Mark& mark) {
    if (mark.is_null())
        return {};
    return {static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1};
}

// Builds the tree. Collections under construction stand on a stack by value and are moved into
// their parent when they end; a map also keeps the key that waits for its value.
class TreeBuilder final : public YAML::EventHandler {
 public:
    TreeBuilder(const SourceText& source, Diagnostics& diagnostics)
        : source_(source), diagnostics_(diagnostics) {}

    Node take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_anchor(position_of(mark), anchor);
        // yaml-cpp stands behind a missing value already: point at its key.
        Node node{.position = position_of(mark)};
        if (!open_.empty() && open_.back().key)
            node.position = open_.back().key->position;
        put(std::move(node));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        complain(position_of(mark), "an alias (*name) is not allowed here; write the value out");
        put({.kind = Node::Kind::refused, .position = position_of(mark)});
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        const Position position = position_of(mark);
        refuse_anchor(position, anchor);
        if (refuses_tag(position, tag))
            return put({.kind = Node::Kind::refused, .position = position});
        // yaml-cpp 0.7 takes the end of the text for a closing quote.
        if (tag == "!" && source_.has_open_quote(position))
            complain(position, "this quote is not closed");
        put({.kind = Node::Kind::scalar, .position = position, .text = value});
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::list, position_of(mark), tag, anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::map, position_of(mark), tag, anchor);
    }
    void OnMapEnd() override { close(); }

 private:
    struct PendingKey {
        std::string text;
        Position position;
        bool is_refused = false;
    };
    struct Open {
        Node node;
        std::optional<PendingKey> key = std::nullopt;
        std::unordered_map<std::string, Position> seen = {};
    };

    // Of the value that is being read: ports.wan0.addresses[1].
    std::string path() const {
        std::string text;
        for (const Open& open : open_) {
            if (open.node.kind == Node::Kind::list)
                text += fmt::format("[{}]", open.node.items.size());
            else if (open.key)
                text += (text.empty() ? "" : ".") + open.key->text;
        }
        return text.empty() ? "document" : text;
    }

    void complain(Position position, std::string message) {
        diagnostics_.push_back({Severity::error, source_.name(), position, path(),
                                std::move(message), std::string(source_.line(position.line))});
    }

    void refuse_anchor(Position position, YAML::anchor_t anchor) {
        if (anchor != 0)
            complain(position, "an anchor (&name) is not allowed here; leave it out");
    }

    // "?" stands for a plain and "!" for a quoted scalar without a tag.
    bool refuses_tag(Position position, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!")
            return false;
        complain(position, "a tag (!name) is not allowed here; leave it out");
        return true;
    }

    void open(Node::Kind kind, Position position, const std::string& tag, YAML::anchor_t anchor) {
        if (open_.size() == max_depth)
            throw TooDeep{position};
        refuse_anchor(position, anchor);
        refuses_tag(position, tag);
        open_.push_back({.node = {.kind = kind, .position = position}});
    }

    void close() {
        Node node = std::move(open_.back().node);
        open_.pop_back();
        put(std::move(node));
    }

    void put(Node node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& parent = open_.back();
        if (parent.node.kind == Node::Kind::list)
            parent.node.items.push_back(std::move(node));
        else if (!parent.key)
            begin_entry(parent, node);
        else
            end_entry(parent, std::move(node));
    }

    void begin_entry(Open& map, const Node& node) {
        if (node.kind != Node::Kind::scalar) {
            complain(node.position, "a key is a single word");
            map.key = PendingKey{"", node.position, true};
            return;
        }
        const auto [first, is_new] = map.seen.try_emplace(node.text, node.position);
        map.key = PendingKey{node.text, node.position, !is_new};
        if (!is_new)
            complain(node.position, fmt::format("given twice, first in line {}; remove one of them",
                                                first->second.line));
    }

    static void end_entry(Open& parent, Node value) {
        PendingKey key = std::move(*parent.key);
        parent.key.reset();
        if (key.is_refused)
            return;
        parent.node.keys.push_back({std::move(key.text), key.position});
        parent.node.items.push_back(std::move(value));
    }

    const SourceText& source_;
    Diagnostics& diagnostics_;
    Node root_;
    std::vector<Open> open_;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (keys[i].text == key)
            return &items[i];
    return nullptr;
}

SourceText::SourceText(std::string_view text, std::string name)
    : text_(text), name_(std::move(name)), line_starts_{0} {
    for (std::size_t i = 0; i < text_.size(); ++i)
        if (text_[i] == '\n')
            line_starts_.push_back(i + 1);
}

std::string_view SourceText::line(std::uint32_t number) const {
    if (number == 0 || number > line_starts_.size())
        return {};
    const std::string_view rest = std::string_view(text_).substr(line_starts_[number - 1]);
    const std::string_view line = rest.substr(0, rest.find('\n'));
    return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

Position SourceText::inside(const Node& scalar, std::size_t offset) const {
    std::string_view rest = line(scalar.position.line);
    std::uint32_t column = scalar.position.column;
    if (column > rest.size())
        return scalar.position;
    rest.remove_prefix(column - 1);
    if (rest.front() == '"' || rest.front() == '\'') {
        rest.remove_prefix(1);
        ++column;
    }
    if (!rest.starts_with(scalar.text))
        return scalar.position;
    return {scalar.position.line, column + static_cast<std::uint32_t>(offset)};
}

bool SourceText::has_open_quote(Position position) const {
    if (position.line > line_starts_.size())
        return false;
    std::string_view rest = std::string_view(text_).substr(line_starts_[position.line - 1]);
    rest.remove_prefix(std::min<std::size_t>(position.column - 1, rest.size()));
    if (rest.empty() || (rest.front() != '"' && rest.front() != '\''))
        return false;
    const char quote = rest.front();
    for (std::size_t i = 1; i < rest.size(); ++i) {
        const bool is_escape = quote == '"' ? rest[i] == '\\' : rest.substr(i, 2) == "''";
        if (is_escape)
            ++i;
        else if (rest[i] == quote)
            return false;
    }
    return true;
}

Node read_document(std::string_view text, const SourceText& source, Diagnostics& diagnostics) {
    const auto complain = [&](Position position, std::string message) {
        diagnostics.push_back({Severity::error, source.name(), position, "document",
                               std::move(message), std::string(source.line(position.line))});
    };
    if (text.size() > max_text_size) {
        complain({}, fmt::format("the file is larger than {} KiB; a configuration is not",
                                 max_text_size / 1024));
        return {.kind = Node::Kind::refused};
    }
    TreeBuilder builder(source, diagnostics);
    std::istringstream stream{std::string(text)};
    try {
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder)) {
            complain({}, "the file is empty; conf/examples/minimal.yaml is a start");
            return {.kind = Node::Kind::refused};
        }
        Node root = builder.take();
        TreeBuilder rest(source, diagnostics);
        if (parser.HandleNextDocument(rest)) {
            const Node second = rest.take();
            complain(second.position,
                     "a second document starts here; one file is one configuration");
        }
        return root;
    } catch (const TooDeep& too_deep) {
        complain(too_deep.position,
                 fmt::format("nested deeper than {} levels; a configuration is not", max_depth));
    } catch (const YAML::Exception& error) {
        complain(position_of(error.mark), fmt::format("this is not YAML: {}", error.msg));
    }
    return {.kind = Node::Kind::refused};
}

}  // namespace detour::model
