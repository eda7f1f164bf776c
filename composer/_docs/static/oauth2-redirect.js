"use strict";

// What an authorisation server answered is in this page's address; it is handed to the page that opened this one.
(() => {
  const opener = window.opener?.swaggerUIRedirectOauth2;
  if (!opener) return;
  const { auth, state, redirectUrl, callback, errCb } = opener;
  const inHash = /code|token|error/.test(location.hash);
  const answer = Object.fromEntries(new URLSearchParams((inHash ? location.hash : location.search).slice(1)));
  const isValid = answer.state === state;
  const report = (level, message) => errCb({ authId: auth.name, source: "auth", level, message });
  const byCode = ["accessCode", "authorizationCode", "authorization_code"].includes(auth.schema.get("flow"));

  if (!byCode || auth.code) {
    callback({ auth, token: answer, isValid, redirectUrl });
  } else if (answer.code) {
    if (!isValid) report("warning", "The state that came back isn't the one that was sent: this answer may not be for you.");
    delete opener.state;
    auth.code = answer.code;
    callback({ auth, redirectUrl });
  } else {
    const details = [answer.error_description, answer.error_uri].filter(Boolean).join(" ");
    report("error", answer.error ? `${answer.error}: ${details}` : "The authorisation server sent no code.");
  }
  window.close();
})();
