// Records with the browser's camera. The recording becomes an upload, as if somebody had picked its file.
const MOST_SECONDS = 60;
const button = element.querySelector('button');
const view = element.querySelector('video');
const note = element.querySelector('p');
let recorder = null;

function show(text, stream = null) {
    note.textContent = text;
    view.srcObject = stream;
    view.hidden = stream === null;
    button.textContent = stream === null ? 'Record with the camera' : 'Stop';
}

function upload(file) {
    const input = document.querySelector('#upload input[type=file]');
    if (input === null) {
        show('Another file is being read: record again when it is done.');
        return;
    }
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
}

async function record() {
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: size, audio: false });
    const free = () => stream.getTracks().forEach(track => track.stop());
    const parts = [];
    try {
        recorder = new MediaRecorder(stream);
        recorder.start();
    } catch (error) {
        recorder = null;
        free();
        throw error;
    }
    const timer = setTimeout(stop, 1000 * MOST_SECONDS);
    recorder.ondataavailable = event => parts.push(event.data);
    recorder.onstop = () => {
        clearTimeout(timer);
        free();
        const kind = recorder.mimeType.includes('mp4') ? 'mp4' : 'webm';
        recorder = null;
        show('');
        upload(new File(parts, `recording.${kind}`, { type: `video/${kind}` }));
    };
    show(`Recording, for at most ${MOST_SECONDS} seconds.`, stream);
}

function stop() {
    if (recorder?.state === 'recording') recorder.stop();
}

async function press() {
    button.disabled = true; // while the browser asks whether the page may
    try {
        await (recorder === null ? record() : stop());
    } catch (error) {
        show(`The camera cannot be used: ${error.message}`);
    }
    button.disabled = false;
}

button.addEventListener('click', press);
if (!navigator.mediaDevices || !window.MediaRecorder) {
    button.disabled = true;
    show('This browser lends its camera only to pages of this machine and of https addresses.');
}
