// Work for a page (workers.js): { task, bytes } is answered by { result } or { error }, with { progress } before, and a
// { preview } of a large picture; instead of bytes, a picture is encoded. The page is asked for { file: name } by
// numbered questions, and answers.

function startWork() {
  const questions = [];
  const ask = (question) =>
    new Promise((resolve, reject) => {
      const number = questions.push({ resolve, reject }) - 1;
      postMessage({ ...question, number });
    });
  const decoder = new Decoder((file) => ask({ file }));
  const encoder = new Encoder(decoder);
  const tell = (progress) => postMessage({ progress });

  const tasks = {
    picture: async (bytes) => {
      const show = (preview) => postMessage({ preview }, [preview.pixels.buffer]);
      const { exif, icc, packedIcc, ...picture } = await decoder.upright(bytes, tell, show);
      // Browsers convert the colours of files, not those of arrays: a picture with a profile goes there as PNG, too.
      return { ...picture, coloured: (icc || packedIcc) && (await pngOf({ ...picture, icc, packedIcc })) };
    },
    bits: (bytes) => decoder.bits(bytes),
    symbols: (bytes) => decoder.symbols(bytes),
    png: (bytes) => decoder.png(bytes),
    encode: (picture) => encoder.encode(picture, tell),
  };

  const work = async (task, bytes) => {
    try {
      const result = await tasks[task](bytes);
      postMessage({ result }, result?.pixels ? [result.pixels.buffer] : []);
    } catch ({ name, message }) {
      postMessage({ error: { name, message } });
    }
  };

  let help; // of a worker that helps another one
  addEventListener("message", ({ data: { task, bytes, model, number, found, error, helper } }) => {
    if (helper) help = startHelper(helper);
    else if (help) help.then((lend) => lend());
    else if (task) work(task, bytes);
    else if (model) decoder.prepare(model).catch(() => {}); // the picture that needs it will say so
    else if (error) questions[number].reject(new LicError(error.name, error.message));
    else questions[number].resolve(found);
  });
}

if (typeof DedicatedWorkerGlobalScope !== "undefined" && self instanceof DedicatedWorkerGlobalScope) startWork();
