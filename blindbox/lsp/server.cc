// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/server.h"

#include <algorithm>
#include <array>

#include "blindbox/lsp/answers.h"
#include "blindbox/lsp/client.h"
#include "blindbox/lsp/documents.h"
#include "blindbox/lsp/fields.h"
#include "blindbox/lsp/message.h"
#include "blindbox/lsp/notices.h"

namespace blindbox::lsp {

struct Server::State {
  enum class Phase { fresh, running, shut_down, ended };

  State(const net::Executor& executor, ServerOptions with, std::function<void(std::string)> to)
      : options(std::move(with)),
        send_text(std::move(to)),
        settings(options.settings),
        notices(options.server, [this](MessageType type, const std::string& text) { show(type, text); }),
        desk(executor, options.open, callbacks()) {
    desk.set(settings);
  }

  Callbacks callbacks() {
    return {
        [this](const Wanted& wanted, const std::string& text) {
          send(make_result(wanted.id, make_answer(wanted, text, documents.encoding())));
        },
        [this](const Wanted& wanted, Code why) {
          const bool on_request = why == Code::request_cancelled;
          send(make_error(wanted.id, why, on_request ? "cancelled" : "a later request or a change takes its place"));
        },
        [this](const Result<infill::Filled>& outcome) { notices.heard(outcome); },
        [this](const std::string& uri) {
          return neighbours(documents, uri, settings, [this](const std::string& other) { return name_of(other); });
        }};
  }

  void send(const json& message) { send_text(write(message)); }
  void tell(const char* method, MessageType type, const std::string& text) {
    send(make_notification(method, {{"type", static_cast<int>(type)}, {"message", text}}));
  }
  void show(MessageType type, const std::string& text) { tell("window/showMessage", type, text); }
  void log(const std::string& text) { tell("window/logMessage", MessageType::warning, text); }

  // The folder of the project that a file is in, the innermost; "" where it is in none.
  [[nodiscard]] std::string folder_of(const std::string& path) const {
    std::string best;
    for (const std::string& folder : client.folders) {
      const bool inside = path.starts_with(folder) && (folder == "/" || path.substr(folder.size()).starts_with('/'));
      if (inside && folder.size() > best.size()) best = folder;
    }
    return best;
  }

  // No folder above the project is named to the server. What is in no file yet has no name to be judged by.
  [[nodiscard]] std::optional<std::string> name_of(const std::string& uri) const {
    const auto path = path_of(uri);
    if (!path) return uri.substr(uri.find_last_of("/:") + 1);
    const std::string folder = folder_of(*path);
    if (options.may_leave && !options.may_leave(*path, folder)) return std::nullopt;
    if (folder.empty()) return path->substr(path->rfind('/') + 1);
    return path->substr(folder == "/" ? 1 : folder.size() + 1);
  }

  void initialize(const Message& message);
  void initialized();
  void ask_for_configuration();
  void take_settings(const json& values);
  void complete(const Message& message, bool classic);
  void take_request(const Message& message);
  void take_notification(const Message& message);
  void take_response(const Message& message);

  ServerOptions options;
  std::function<void(std::string)> send_text;
  Settings settings;
  Phase phase = Phase::fresh;
  ClientTraits client;
  Documents documents;
  Notices notices;
  Desk desk;
  std::uint64_t asked = 0;          // requests of ours so far
  std::uint64_t configuration = 0;  // the one whose answer is the configuration
};

void Server::State::initialize(const Message& message) {
  client = read_client(message.params);
  documents.set_encoding(client.encoding);
  phase = Phase::running;
  json capabilities = {
      {"positionEncoding", encoding_name(client.encoding)},
      {"textDocumentSync", {{"openClose", true}, {"change", 2}}},  // incremental
      {"inlineCompletionProvider", json::object()},
      {"workspace", {{"workspaceFolders", {{"supported", true}, {"changeNotifications", true}}}}},
  };
  // Beside ghost text a menu with the same text would only be in the way.
  if (!client.inline_completion) capabilities["completionProvider"] = {{"resolveProvider", false}};
  const json server = {{"name", "blindbox"}, {"version", options.version}};
  send(make_result(message.id, {{"capabilities", std::move(capabilities)}, {"serverInfo", server}}));
  const json& given = member(message.params, "initializationOptions");
  take_settings(member(given, "blindbox").is_object() ? member(given, "blindbox") : given);
}

void Server::State::initialized() {
  if (client.registers_configuration) {
    const json registration = {{"id", "blindbox-configuration"}, {"method", "workspace/didChangeConfiguration"}};
    send(make_request(++asked, "client/registerCapability", {{"registrations", json::array({registration})}}));
  }
  if (client.configuration) ask_for_configuration();
}

void Server::State::ask_for_configuration() {
  configuration = ++asked;
  const json item = {{"section", "blindbox"}};
  send(make_request(configuration, "workspace/configuration", {{"items", json::array({item})}}));
}

void Server::State::take_settings(const json& values) {
  ReadSettings read = read_settings(values, settings);
  settings = read.settings;
  desk.set(settings);
  for (const std::string& complaint : read.complaints) log(complaint);
}

void Server::State::take_response(const Message& message) {
  if (configuration == 0 || message.id != configuration || !message.result.is_array() || message.result.empty()) return;
  take_settings(message.result[0]);
}

void Server::State::complete(const Message& message, bool classic) {
  const json& params = message.params;
  const auto uri = document_uri(params);
  const auto position = position_of(member(params, "position"));
  const Document* document = uri ? documents.find(*uri) : nullptr;
  if (document == nullptr || !position) {
    const std::string why = position ? "the document is not open" : "position is none";
    return send(make_error(message.id, Code::invalid_params, uri ? why : uri.error().what));
  }
  Wanted wanted{message.id, *uri, {}, {}, *position, false, classic};
  const json& context = member(params, "context");
  wanted.automatic = classic || member(context, "triggerKind") == 2;  // InlineCompletionTriggerKind.Automatic
  const bool quiet = !settings.enabled || (wanted.automatic && !settings.automatic && !classic);
  if (quiet || document->left_out || !name_of(*uri)) {
    return send(make_result(message.id, make_answer(wanted, "", documents.encoding())));
  }
  const std::size_t at = offset_at(document->text, *position, documents.encoding());
  wanted.before = document->text.substr(0, at);
  wanted.after = document->text.substr(at);
  const json& selected = member(context, "selectedCompletionInfo");
  const auto range = range_of(member(selected, "range"));
  const auto text = text_of(member(selected, "text"));
  const std::size_t start = range ? offset_at(document->text, range->start, documents.encoding()) : at;
  if (range && text && start <= at) {
    wanted.before.replace(start, std::string::npos, *text);
    wanted.selected = *text;
    wanted.replaced = {range->start, range->end};
  }
  documents.touch(*uri, at);
  desk.want(std::move(wanted));
}

void Server::State::take_request(const Message& message) {
  if (message.method == "initialize" && phase == Phase::fresh) return initialize(message);
  if (phase == Phase::fresh) {
    return send(make_error(message.id, Code::server_not_initialized, "\"initialize\" comes first"));
  }
  if (phase != Phase::running || message.method == "initialize") {
    const char* why = phase == Phase::running ? "initialized already" : "shut down already";
    return send(make_error(message.id, Code::invalid_request, why));
  }
  if (message.method == "textDocument/inlineCompletion") return complete(message, false);
  if (message.method == "textDocument/completion") return complete(message, true);
  if (message.method == "shutdown") {
    phase = Phase::shut_down;
    desk.forget_all();
    return send(make_result(message.id, nullptr));
  }
  send(make_error(message.id, Code::method_not_found, "there is no method " + message.method.substr(0, 100)));
}

void Server::State::take_notification(const Message& message) {
  const std::string& method = message.method;
  if (phase != Phase::running) return;
  Result<void> done;
  if (method == "initialized") initialized();
  if (method == "$/cancelRequest") desk.cancel(member(message.params, "id"));
  if (method == "textDocument/didOpen") done = documents.open(message.params);
  if (method == "textDocument/didChange") done = documents.change(message.params);
  if (method == "textDocument/didClose") {
    if (const auto uri = document_uri(message.params)) desk.forget(*uri);
    done = documents.close(message.params);
  }
  if (method == "workspace/didChangeConfiguration") {
    const json& pushed = member(member(message.params, "settings"), "blindbox");
    if (pushed.is_object()) {
      take_settings(pushed);
    } else if (client.configuration) {
      ask_for_configuration();
    }
  }
  if (method == "workspace/didChangeWorkspaceFolders") {
    const json& event = member(message.params, "event");
    for (const auto& gone : folder_paths(member(event, "removed"))) std::erase(client.folders, gone);
    for (auto& added : folder_paths(member(event, "added"))) client.folders.push_back(std::move(added));
  }
  if (!done) log("blindbox lsp: " + done.error().what);
}

Server::Server(const net::Executor& executor, ServerOptions options, std::function<void(std::string)> send)
    : state_(std::make_unique<State>(executor, std::move(options), std::move(send))) {}

Server::~Server() = default;

void Server::take(std::string_view content) {
  if (state_->phase == State::Phase::ended) return;
  auto message = parse_message(content);
  if (!message) {
    const bool was_json = message.error().kind != ErrorKind::malformed;
    state_->send(make_error(nullptr, was_json ? Code::invalid_request : Code::parse_error, message.error().what));
    return;
  }
  if (message->kind == Message::Kind::response) return state_->take_response(*message);
  if (message->kind == Message::Kind::request) return state_->take_request(*message);
  if (message->method == "exit") {
    exit_status_ = state_->phase == State::Phase::shut_down ? 0 : 1;
    state_->phase = State::Phase::ended;
    return;
  }
  state_->take_notification(*message);
}

std::optional<int> Server::exit_status() const { return exit_status_; }

int Server::hang_up_status() const { return state_->phase == State::Phase::shut_down ? 0 : 1; }

}  // namespace blindbox::lsp
