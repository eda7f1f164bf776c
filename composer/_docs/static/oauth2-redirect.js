"use strict";

// The response of the authorisation server is in this page's URL; pass it to the page that opened this one.
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
    if (!isValid) report("warning", "Authorisation may be unsafe: the returned state doesn't match the one that was sent.");
    delete opener.state;
    auth.code = answer.code;
    callback({ auth, redirectUrl });
  } else {
    const details = [answer.error_description, answer.error_uri].filter(Boolean).join(" ");
    report("error", answer.error ? `${answer.error}: ${details}` : "The authorisation server returned no authorisation code.");
  }
  window.close();
})();
