// Signs in by the wallet that an extension has put into the page: asks for the text, has it signed, sends the form.
"use strict";

(() => {
  const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  const form = document.getElementById("wallet");
  const button = form.querySelector("button");
  const note = form.querySelector("[role=alert]");

  function base58(bytes) {
    let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    let text = "";
    for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text;
    const first = bytes.findIndex((byte) => byte !== 0);
    return "1".repeat(first < 0 ? bytes.length : first) + text;
  }

  async function textToSign(address) {
    const answer = await fetch("/api/auth/nonce", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": form.elements.csrf_token.value },
      body: JSON.stringify({ wallet_address: address }),
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return (await answer.json()).data.message;
  }

  async function signIn(wallet) {
    const { publicKey } = await wallet.connect();
    const address = publicKey.toString();
    const message = new TextEncoder().encode(await textToSign(address));
    const signed = await wallet.signMessage(message, "utf8");
    const signature = Array.from(signed.signature ?? signed);
    if (signature.length !== 64) throw new Error("no Ed25519 signature");
    form.elements.wallet_address.value = address;
    form.elements.signature.value = base58(signature);
    form.requestSubmit();
  }

  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    note.hidden = true;
    try {
      await signIn(window.solana);
    } catch {
      note.textContent = form.dataset.failed;
      note.hidden = false;
      button.removeAttribute("aria-busy");
    }
  });

  // Extensions put their wallet in before or while the page loads.
  const show = () => {
    form.hidden = typeof window.solana?.signMessage !== "function";
  };
  show();
  addEventListener("load", show);
})();
